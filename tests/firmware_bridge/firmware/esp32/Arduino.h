/* Of the ESP32's Arduino core no more than the sketch calls, declared as that core declares it, so that the sketch's
 * ESP32 half is compiled and run on this machine: its C++ and its arithmetic, not the chip.  ../esp32.cpp is behind it.
 *
 * Source: the documented API of arduino-esp32 (esp32-hal-adc.h, esp32-hal-gpio.h, HardwareSerial.h).
 */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

#define INPUT_PULLUP 0x05

uint32_t analogReadMilliVolts(uint8_t pin);
int digitalRead(uint8_t pin);
void pinMode(uint8_t pin, uint8_t mode);
uint32_t micros(); /* unsigned long there, which has 32 bits */

class HardwareSerial {
public:
    void begin(unsigned long baud);
    size_t write(uint8_t byte);
    size_t write(const uint8_t *bytes, size_t n);
};
extern HardwareSerial Serial;

void setup();
void loop();

#endif
