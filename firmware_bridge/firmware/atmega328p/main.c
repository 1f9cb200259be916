/* ATmega328P (Arduino Uno, Nano) and an AD8232 board: native frames at 115200 baud.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 *   A0  (PC0)  OUTPUT of the AD8232
 *   D10 (PB2)  LO+, high: the electrode is off
 *   D11 (PB3)  LO-
 *   D1  (PD1)  UART, which the board's USB chip passes on
 *   D13 (PB5)  LED: lit while the electrodes are on, blinks while one is off
 *
 * Timer 1 starts a conversion every 4 ms, to the cycle.  The converter's interrupt adds up four conversions and puts
 * the sum into a queue with its number; the main loop makes a frame of five samples and sleeps.  A sample that finds the
 * queue full is lost, and the host sees by the numbers that it was.  The watchdog starts a firmware that hangs anew.
 *
 * LO+ and LO- are pulled up: a board that is not connected reads as "electrode off", never as a heart that stands still.
 */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "protocol.h"

#define FIRMWARE "heartwire-uno 1"

#define FS_HZ 250u
#define TICK_US (1000000ul / FS_HZ)
#define TIMER_DIVISOR 64ul
#define BAUD 115200ul
#define N_SUM 4u   /* conversions in a sample: two bits more, and half the noise */
#define N_FRAME 5u /* samples in a frame: 20 ms */
#define HELLO_S 8u

/* AVcc, 5 V, is the converter's reference.  The AD8232 runs on 3.3 V: its line rests at half of that, and it can go no
 * higher.  It amplifies 1100 times. */
#ifndef REFERENCE_MV
#define REFERENCE_MV 5000ul
#endif
#ifndef SUPPLY_MV
#define SUPPLY_MV 3300ul
#endif
#define GAIN 1100ul
#define UNITS (1024ul * N_SUM)
#define NV_DIVISOR (GAIN * UNITS / 100)
#define SCALE_NV (uint16_t)((REFERENCE_MV * 10000ul + NV_DIVISOR / 2) / NV_DIVISOR)
#define REST (int16_t)(SUPPLY_MV * UNITS / 2 / REFERENCE_MV)
#define LOW_RAIL 4u
#define HIGH_RAIL (uint16_t)(SUPPLY_MV * 1024ul / REFERENCE_MV - 6u)

#define LO_PINS (uint8_t)(_BV(PB2) | _BV(PB3))
#define LED _BV(PB5)

typedef struct {
    uint16_t seq;
    int16_t value;
    uint8_t lead_off, clipped;
} sample;

/* Queues between interrupts and the main loop; sizes are powers of two. */
#define N_QUEUE 32u
#define N_SENDING 128u

static volatile sample queue[N_QUEUE];
static volatile uint8_t queue_in, queue_out;
static volatile uint8_t sending[N_SENDING];
static volatile uint8_t sending_in, sending_out;

static volatile uint16_t now; /* number of the sample that is being taken */

ISR(TIMER1_COMPA_vect)
{
    ADCSRA |= _BV(ADSC);
}

/* Four conversions of 104 us follow each other, the first begun by the timer. */
ISR(ADC_vect)
{
    static uint16_t sum;
    static uint8_t n, clipped;
    uint16_t value = ADC;

    sum += value;
    if (value <= LOW_RAIL || value >= HIGH_RAIL)
        clipped = 1;
    if (++n < N_SUM) {
        ADCSRA |= _BV(ADSC);
        return;
    }
    uint8_t next = (uint8_t)(queue_in + 1u) % N_QUEUE;
    if (next != queue_out) {
        volatile sample *s = &queue[queue_in];
        s->seq = now;
        s->value = (int16_t)sum - REST;
        s->lead_off = (PINB & LO_PINS) != 0;
        s->clipped = clipped;
        queue_in = next;
    }
    now++;
    sum = 0;
    n = clipped = 0;
}

ISR(USART_UDRE_vect)
{
    if (sending_out == sending_in) {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
        return;
    }
    UDR0 = sending[sending_out];
    sending_out = (uint8_t)(sending_out + 1u) % N_SENDING;
}

static void send(const uint8_t *bytes, size_t n)
{
    while (n--) {
        uint8_t next = (uint8_t)(sending_in + 1u) % N_SENDING;
        while (next == sending_out)
            ; /* at 115200 baud a byte leaves every 87 us */
        sending[sending_in] = *bytes++;
        sending_in = next;
        UCSR0B |= _BV(UDRIE0);
    }
}

/* The frame that is being filled.  It ends where the electrodes change or a number is missing. */
static struct {
    uint32_t first;
    int16_t values[N_FRAME];
    uint8_t n, lead_off, clipped;
} frame;

static uint8_t out[HW_MAX_CONTENT + 2];

static uint8_t boot = HW_FLAG_BOOT;

static void send_frame(void)
{
    static const hw_stream stream = {FS_HZ * 1000ul, SCALE_NV, 1, {HW_LEAD_II}};
    uint8_t flags = frame.clipped ? (uint8_t)(boot | HW_FLAG_CLIPPED) : boot;
    send(out, hw_samples_frame(out, &stream, flags, (uint16_t)frame.first, frame.first * TICK_US, frame.lead_off,
                               frame.values, frame.n));
    frame.n = frame.clipped = 0;
    if (frame.first >= FS_HZ)
        boot = 0;
}

static void take(const sample *s)
{
    uint32_t at = frame.first + frame.n;
    at += (uint16_t)(s->seq - (uint16_t)at); /* numbers are mod 65536; losses are shorter */
    if (frame.n && (at != frame.first + frame.n || s->lead_off != frame.lead_off))
        send_frame();
    if (frame.n == 0) {
        frame.first = at;
        frame.lead_off = s->lead_off;
    }
    frame.values[frame.n++] = s->value;
    if (s->clipped)
        frame.clipped = 1;
    if (frame.n == N_FRAME)
        send_frame();
}

static void show(uint32_t at, uint8_t lead_off)
{
    if (!lead_off || at / (FS_HZ / 2) % 2)
        PORTB |= LED;
    else
        PORTB &= (uint8_t)~LED;
}

static void start(void)
{
    MCUSR = 0;
    wdt_enable(WDTO_1S);
    DDRB = LED;
    PORTB = LO_PINS;
    DIDR0 = _BV(ADC0D);

    UCSR0A = _BV(U2X0);
    UBRR0 = (F_CPU / 4 / BAUD - 1) / 2;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(TXEN0);

    ADMUX = _BV(REFS0); /* AVcc, channel 0 */
    ADCSRA = _BV(ADEN) | _BV(ADIE) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);

    OCR1A = F_CPU / TIMER_DIVISOR / FS_HZ - 1;
    TCCR1B = _BV(WGM12) | _BV(CS11) | _BV(CS10);
    TIMSK1 = _BV(OCIE1A);
    SMCR = 0; /* sleep is idling: timer and UART go on */
}

/* Sleeps until an interrupt, unless a sample has come since the queue was looked at. */
static void rest(void)
{
    cli();
    if (queue_in == queue_out) {
        sleep_enable();
        sei(); /* takes effect after the next instruction: no interrupt slips in between */
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void)
{
    static const uint8_t nothing = 0;
    uint32_t hello_at = 0;

    start();
    sei();
    send(&nothing, 1); /* ends whatever noise came before */
    for (;;) {
        while (queue_in != queue_out) {
            volatile sample *s = &queue[queue_out];
            sample copy = {s->seq, s->value, s->lead_off, s->clipped};
            queue_out = (uint8_t)(queue_out + 1u) % N_QUEUE;
            take(&copy);
            show(frame.first, frame.lead_off);
            wdt_reset();
        }
        if ((int32_t)(frame.first - hello_at) >= 0) {
            send(out, hw_hello_frame(out, boot, FIRMWARE));
            hello_at += (uint32_t)HELLO_S * FS_HZ;
        }
        rest();
    }
}
