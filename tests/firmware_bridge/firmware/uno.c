/* An Arduino Uno with an AD8232 on it, out of simavr: uno ELF RECORDS real|fast
 *
 * RECORDS is a file of int16 (this machine's order), one for each 4 ms: millivolts at A0, or 32767: the electrodes are
 * off, or 32766: there is no AD8232 on the pins.  What the firmware sends goes to stdout, byte by byte.  `real` keeps to the time of the wall.  Ends with the
 * records, and says on stderr how many of a hundred cycles the chip slept.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

#define OFF 32767
#define ALONE 32766
#define CONVERSIONS 4 /* of a sample */

static int16_t *records;
static size_t n_records, n_conversions;
static uint64_t asleep;
static int real;
static struct timespec begun;
static avr_irq_t *adc, *lo_plus, *lo_minus;

static void quiet(avr_t *avr, const int level, const char *format, va_list list)
{
    (void)avr;
    if (level <= LOG_ERROR)
        vfprintf(stderr, format, list);
}

static void sent(avr_irq_t *irq, uint32_t value, void *param)
{
    uint8_t byte = (uint8_t)value;
    (void)irq;
    (void)param;
    if (write(1, &byte, 1) != 1)
        exit(3);
}

static void converts(avr_irq_t *irq, uint32_t value, void *param)
{
    size_t at = n_conversions++ / CONVERSIONS;
    (void)irq;
    (void)value;
    (void)param;
    if (at >= n_records)
        return;
    if (records[at] == ALONE)
        return;
    int off = records[at] == OFF;
    avr_raise_irq(lo_plus, (uint32_t)off);
    avr_raise_irq(lo_minus, 0);
    avr_raise_irq(adc + ADC_IRQ_ADC0, off ? 3290u : (uint32_t)records[at]);
}

static void sleeps(avr_t *avr, avr_cycle_count_t cycles)
{
    asleep += cycles;
    if (!real)
        return;
    uint64_t ns = (avr->cycle + cycles) * (1000000000ull / 1000000) / (avr->frequency / 1000000);
    struct timespec until = {begun.tv_sec + (time_t)(ns / 1000000000), begun.tv_nsec + (long)(ns % 1000000000)};
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        return -1;
    n_records = (size_t)ftell(file) / sizeof *records;
    rewind(file);
    records = malloc(n_records * sizeof *records);
    size_t got = records ? fread(records, sizeof *records, n_records, file) : 0;
    fclose(file);
    return got == n_records ? 0 : -1;
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    avr_global_logger_set(quiet);
    if (argc != 4 || load(argv[2]) || elf_read_firmware(argv[1], &firmware)) {
        fprintf(stderr, "usage: uno ELF RECORDS real|fast\n");
        return 2;
    }
    real = !strcmp(argv[3], "real");
    avr_t *avr = avr_make_mcu_by_name("atmega328p");
    firmware.frequency = 16000000;
    firmware.vcc = firmware.avcc = firmware.aref = 5000;
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->sleep = sleeps;
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), sent, NULL);
    adc = avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, 0);
    avr_irq_register_notify(adc + ADC_IRQ_OUT_TRIGGER, converts, NULL);
    lo_plus = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 2);
    lo_minus = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 3);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (n_conversions <= n_records * CONVERSIONS) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) {
            fprintf(stderr, "the firmware stopped\n");
            return 1;
        }
    }
    fprintf(stderr, "asleep %.1f\n", 100.0 * (double)asleep / (double)avr->cycle);
    return 0;
}
