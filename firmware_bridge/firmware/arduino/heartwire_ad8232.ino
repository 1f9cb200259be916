/* An AD8232 board on any Arduino: native frames over USB.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 *              OUTPUT   LO+   LO-
 *   Uno, Nano       A0    10    11
 *   ESP32           34    32    33
 *
 * The firmware in ../atmega328p serves an Uno better: its timer does not wait for loop().  protocol.h and hw_frame.c
 * belong beside this file: `python -m train export --arduino DIR` puts them there.
 */
#include "protocol.h"

#define FIRMWARE "heartwire-arduino 1"

#if defined(ESP32)
const uint8_t PIN_ECG = 34, PIN_LO_PLUS = 32, PIN_LO_MINUS = 33;
const uint32_t BOTTOM_MV = 150, TOP_MV = 3100; /* beyond these the converter is not straight */
#else
const uint8_t PIN_ECG = A0, PIN_LO_PLUS = 10, PIN_LO_MINUS = 11;
#if defined(ARDUINO_ARCH_AVR)
const uint32_t REFERENCE_MV = 5000; /* what the board runs on: 3300 for a Pro Mini of 3.3 V */
#else
const uint32_t REFERENCE_MV = 3300;
#endif
const uint32_t UNIT_UV = (REFERENCE_MV * 1000 + 512) / 1024;
const uint32_t BOTTOM_MV = 20, TOP_MV = 3270;
#endif

const uint32_t FS_HZ = 250, TICK_US = 1000000 / FS_HZ;
const uint8_t N_SUM = 4;         /* conversions in a sample */
const uint8_t N_FRAME = 5;       /* samples in a frame: 20 ms */
const int32_t REST_UV = 1650000; /* half of 3.3 V */
const int32_t GAIN = 1100;
const uint32_t HELLO_TICKS = 8 * FS_HZ;

const hw_stream STREAM = {FS_HZ * 1000, 1000, 1, {HW_LEAD_II, 0, 0, 0, 0, 0, 0, 0}}; /* 1 uV a unit */

uint32_t due_us, tick, first, hello_at;
int16_t values[N_FRAME];
uint8_t n_values, frame_off, flags;
uint8_t out[HW_MAX_CONTENT + 2];

void sendFrame()
{
    uint8_t boot = first < FS_HZ ? HW_FLAG_BOOT : 0;
    if (n_values)
        Serial.write(out, hw_samples_frame(out, &STREAM, flags | boot, (uint16_t)first, first * TICK_US, frame_off,
                                           values, n_values));
    n_values = flags = 0;
}

/* The pin in uV: the mean of a few conversions. */
int32_t readUv(bool *clipped)
{
    uint32_t sum = 0;
    for (uint8_t k = 0; k < N_SUM; k++) {
#if defined(ESP32)
        uint32_t mv = analogReadMilliVolts(PIN_ECG); /* calibrated at the factory */
        sum += mv * 1000;
#else
        uint32_t value = analogRead(PIN_ECG), mv = value * UNIT_UV / 1000; /* 10 bits, unless told otherwise */
        sum += value * UNIT_UV;
#endif
        *clipped |= mv < BOTTOM_MV || mv > TOP_MV;
    }
    return (int32_t)(sum / N_SUM);
}

void take()
{
    bool clipped = false;
    int32_t uv = (readUv(&clipped) - REST_UV) / GAIN;
    uint8_t off = digitalRead(PIN_LO_PLUS) || digitalRead(PIN_LO_MINUS);
    if (n_values && (off != frame_off || tick != first + n_values))
        sendFrame();
    if (n_values == 0) {
        first = tick;
        frame_off = off;
    }
    values[n_values++] = (int16_t)uv;
    if (clipped)
        flags |= HW_FLAG_CLIPPED;
    if (n_values == N_FRAME)
        sendFrame();
}

void setup()
{
    Serial.begin(115200);
    pinMode(PIN_LO_PLUS, INPUT_PULLUP); /* a board that is not connected reads as "electrode off" */
    pinMode(PIN_LO_MINUS, INPUT_PULLUP);
    Serial.write((uint8_t)0); /* ends whatever noise came before */
    due_us = micros();
}

void loop()
{
    if ((int32_t)(tick - hello_at) >= 0) {
        Serial.write(out, hw_hello_frame(out, tick < FS_HZ ? HW_FLAG_BOOT : 0, FIRMWARE));
        hello_at += HELLO_TICKS;
    }
    uint32_t late_us = micros() - due_us;
    if ((int32_t)late_us < 0)
        return;
    uint32_t missed = late_us / TICK_US; /* their numbers are left out, and the host sees that they are */
    tick += missed;
    due_us += missed * TICK_US;
    take();
    tick++;
    due_us += TICK_US;
}
