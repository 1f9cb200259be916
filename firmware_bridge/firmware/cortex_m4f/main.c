/* A Cortex-M4F with an ADS1292R: samples, and the beats that the models on board find in them, as native frames.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Channel 2 is the ECG (channel 1 is respiration).  The electrodes' offset, up to 300 mV, is taken off, so that the rest
 * fits into 16 bits at 1 uV; where it wanders out of them, another one is taken, and the models start anew.
 */
#include "board.h"
#include "heartwire.h"
#include "protocol.h"

#define FIRMWARE "heartwire-cortex-m4f 1"

#define N_FRAME 5u
#define HELLO_S 8u
#define FRONT_END_BYTES 9u
#define SCALE_NV 1000u
#define UNIT_MV 1e-3f
#define FS_MHZ ((uint32_t)(HW_FS_IN * 1000.0))
#define FS ((uint32_t)HW_FS_IN)
#define WIDEST 32000 /* uV from the offset that was taken */

/* A unit of the converter is VREF / gain / (2^23 - 1), 2.42 V and 6: about 48 nV. */
#define VREF_UV 2420000
#define GAIN_UNITS (6 * (int64_t)8388607)

typedef struct {
    int32_t uv;
    uint8_t lead_off, clipped;
} sample;

static hw_state patient;
static hw_scratch scratch;
static uint8_t out[HW_MAX_CONTENT + 2];
static uint8_t boot = HW_FLAG_BOOT;

static uint32_t time_us(uint32_t at)
{
    return (uint32_t)((uint64_t)at * 1000000000u / FS_MHZ);
}

/* Frames of the converter begin with 1100, and bits 12 to 0 of their status are 0; out of step, bytes are left out one
 * by one. */
static int read_sample(sample *s)
{
    static uint8_t frame[FRONT_END_BYTES];
    static uint8_t n;

    while (board_read(&frame[n])) {
        if (++n < FRONT_END_BYTES)
            continue;
        if ((frame[0] & 0xF0) != 0xC0 || (frame[1] & 0x1F) != 0 || frame[2] != 0) {
            for (n = 1; n < FRONT_END_BYTES; n++)
                frame[n - 1] = frame[n];
            n--;
            continue;
        }
        n = 0;
        uint32_t status = (uint32_t)frame[0] << 16 | (uint32_t)frame[1] << 8;
        uint32_t raw = (uint32_t)frame[6] << 16 | (uint32_t)frame[7] << 8 | frame[8];
        int32_t units = (int32_t)(raw ^ 0x800000u) - 0x800000;
        uint32_t off = status >> 15 & 0x1Fu; /* IN1P IN1N IN2P IN2N RLD from the lowest */
        int64_t scaled = (int64_t)units * VREF_UV;
        s->uv = (int32_t)((scaled + (scaled < 0 ? -GAIN_UNITS : GAIN_UNITS) / 2) / GAIN_UNITS);
        s->lead_off = (off & 0x1Cu) != 0;
        s->clipped = units >= 0x7FFFFF || units <= -0x7FFFFF;
        return 1;
    }
    return 0;
}

/* -- samples ----------------------------------------------------------------------------------------------------- */

static struct {
    uint32_t first;
    int16_t values[N_FRAME];
    uint8_t n, lead_off, flags;
} frame;

static void send_frame(void)
{
    static const hw_stream stream = {FS_MHZ, SCALE_NV, 1, {HW_LEAD_II}};
    if (frame.n)
        board_send(out, hw_samples_frame(out, &stream, frame.flags | boot, (uint16_t)frame.first,
                                         time_us(frame.first), frame.lead_off, frame.values, frame.n));
    frame.n = frame.flags = 0;
}

static void put(uint32_t at, int16_t value, const sample *s)
{
    if (frame.n && s->lead_off != frame.lead_off)
        send_frame();
    if (frame.n == 0) {
        frame.first = at;
        frame.lead_off = s->lead_off;
    }
    frame.values[frame.n++] = value;
    if (s->clipped)
        frame.flags |= HW_FLAG_CLIPPED;
    if (frame.n == N_FRAME)
        send_frame();
}

/* -- beats ------------------------------------------------------------------------------------------------------- */

static uint32_t base; /* number of the sample that the models count from */

static void tell(const hw_answer *answers, int n)
{
    static const char letters[HW_N_AAMI] = {
        [HW_CLASS_N] = 'N', [HW_CLASS_S] = 'S', [HW_CLASS_V] = 'V', [HW_CLASS_F] = 'F', [HW_CLASS_Q] = 'Q'};
    if (n)
        send_frame(); /* a beat comes after its samples */
    for (; n > 0; n--, answers++) {
        uint32_t at = base + answers->sample;
        float amp_uv = answers->amp_mv * 1000.0f;
        hw_beat beat = {(uint16_t)at, time_us(at), HW_LEAD_II, (uint8_t)letters[answers->aami], 0, {0}};
        beat.amp_uv = (int16_t)(amp_uv > 32767.0f ? 32767.0f : (amp_uv < -32767.0f ? -32767.0f : amp_uv));
        for (int k = 0; k < HW_N_AAMI; k++)
            beat.probs[k] = (uint16_t)(answers->probs[k] * 65535.0f + 0.5f);
        board_send(out, hw_beat_frame(out, answers->final ? boot | HW_FLAG_FINAL : boot, &beat));
    }
}

static void restart(uint32_t at)
{
    hw_answer last;
    tell(&last, hw_flush(&patient, &last));
    hw_restart(&patient);
    base = at;
}

/* With the electrodes off the last value is held for a second, as the monitor does; after a longer time the models
 * start anew. */
static void analyse(uint32_t at, int16_t value, uint8_t lead_off)
{
    static uint32_t off_for;
    static int16_t held;
    hw_answer answers[2], last;

    if (lead_off) {
        if (off_for < FS + 1u)
            off_for++;
        if (off_for > FS)
            return;
    } else {
        if (off_for > FS)
            restart(at);
        else if (off_for > FS / 4u)
            tell(&last, hw_flush(&patient, &last)); /* no interval leads over it */
        off_for = 0;
        held = value;
    }
    tell(answers, hw_step(&patient, (float)held * UNIT_MV, &scratch, answers));
}

int main(void)
{
    static const uint8_t nothing = 0;
    uint32_t at = 0, hello_at = 0;
    int32_t rest_uv = 0;
    sample s;

    board_start();
    hw_start(&patient);
    board_send(&nothing, 1); /* ends whatever noise came before */
    for (;;) {
        if ((int32_t)(at - hello_at) >= 0) {
            board_send(out, hw_hello_frame(out, boot, FIRMWARE));
            hello_at += HELLO_S * FS;
        }
        if (!read_sample(&s)) {
            board_rest();
            continue;
        }
        int32_t uv = s.uv - rest_uv;
        if (at == 0 || (!s.lead_off && (uv > WIDEST || uv < -WIDEST))) {
            rest_uv = s.uv;
            uv = 0;
            s.clipped = at != 0;
            restart(at);
        }
        int16_t value = (int16_t)(uv > WIDEST ? WIDEST : (uv < -WIDEST ? -WIDEST : uv));
        if (at >= FS)
            boot = 0;
        put(at, value, &s);
        analyse(at, value, s.lead_off);
        at++;
    }
}
