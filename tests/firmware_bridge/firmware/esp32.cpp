/* What stands behind the sketch in place of an ESP32 with an AD8232 on it: esp32 RECORDS [START_US [STALL]]
 *
 * RECORDS is a file of int16 (this machine's order), one for each 4 ms: millivolts at the pin, or 32767: the electrodes
 * are off.  What the sketch sends goes to stdout.  Its clock begins at START_US, so that it may wrap; at record STALL
 * loop() is not called for 50 ms.  Ends with the records.  A pin that is not the sketch's is an error.
 */
#include "Arduino.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

static const int16_t OFF = 32767;
static const uint8_t PIN_ECG = 34, PIN_LO_PLUS = 32, PIN_LO_MINUS = 33;
static const uint32_t CONVERSION_US = 80, LOOP_US = 40, RECORD_US = 4000;

static std::vector<int16_t> records;
static uint64_t passed_us;
static uint32_t start_us;
static bool begun, pulled_up[64];

HardwareSerial Serial;

static void fail(const char *what)
{
    fprintf(stderr, "esp32: %s\n", what);
    exit(2);
}

static int16_t record()
{
    size_t at = passed_us / RECORD_US;
    return records[at < records.size() ? at : records.size() - 1];
}

uint32_t analogReadMilliVolts(uint8_t pin)
{
    if (pin != PIN_ECG)
        fail("a conversion at another pin than 34");
    uint32_t mv = record() == OFF ? 3290u : (uint32_t)record();
    passed_us += CONVERSION_US;
    return mv;
}

int digitalRead(uint8_t pin)
{
    if ((pin != PIN_LO_PLUS && pin != PIN_LO_MINUS) || !pulled_up[pin])
        fail("a look at a pin that is not LO+ or LO-, or is not pulled up");
    return pin == PIN_LO_PLUS && record() == OFF;
}

void pinMode(uint8_t pin, uint8_t mode)
{
    pulled_up[pin & 63] = mode == INPUT_PULLUP;
}

uint32_t micros()
{
    return (uint32_t)(start_us + passed_us);
}

void HardwareSerial::begin(unsigned long baud)
{
    begun = baud == 115200;
}

size_t HardwareSerial::write(uint8_t byte)
{
    return write(&byte, 1);
}

size_t HardwareSerial::write(const uint8_t *bytes, size_t n)
{
    if (!begun)
        fail("bytes before the line was opened at 115200 baud");
    return fwrite(bytes, 1, n, stdout);
}

int main(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    int16_t one;
    if (!file)
        fail("no records");
    while (fread(&one, sizeof one, 1, file) == 1)
        records.push_back(one);
    fclose(file);
    start_us = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    uint64_t stall_us = argc > 3 ? strtoull(argv[3], NULL, 10) * RECORD_US : ~(uint64_t)0;
    setup();
    while (passed_us < records.size() * RECORD_US) {
        if (passed_us >= stall_us) {
            passed_us += 50000;
            stall_us = ~(uint64_t)0;
        }
        loop();
        passed_us += LOOP_US;
    }
    return 0;
}
