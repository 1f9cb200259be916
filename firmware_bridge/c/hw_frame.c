/* Native frames: protocol.h says what they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol.h"

uint16_t hw_crc16(const uint8_t *data, size_t n)
{
    uint16_t crc = HW_CRC_INIT;
    while (n--) {
        crc ^= (uint16_t)((uint16_t)*data++ << 8);
        for (uint8_t bit = 0; bit < 8; bit++)
            crc = (uint16_t)((crc & 0x8000u) ? (crc << 1) ^ HW_CRC_POLY : crc << 1);
    }
    return crc;
}

static uint8_t *put(uint8_t *p, uint32_t value, uint8_t n_bytes)
{
    while (n_bytes--) {
        *p++ = (uint8_t)value;
        value >>= 8;
    }
    return p;
}

static uint8_t *put_place(uint8_t *out, uint8_t kind, uint8_t flags, uint16_t seq, uint32_t t_us)
{
    uint8_t *p = put(out + 1, kind, 1); /* one byte in front for COBS */
    p = put(p, flags, 1);
    p = put(p, seq, 2);
    return put(p, t_us, 4);
}

/* The content ends at `end`: its CRC, and COBS in place, by which every zero becomes the distance to the next one. */
static size_t seal(uint8_t *out, uint8_t *end)
{
    uint16_t crc = hw_crc16(out + 1, (size_t)(end - out - 1));
    *end++ = (uint8_t)(crc >> 8);
    *end++ = (uint8_t)crc;
    size_t last = (size_t)(end - out);
    *end++ = 0;
    for (size_t k = last; k-- > 1;) {
        if (out[k] == 0) {
            out[k] = (uint8_t)(last - k);
            last = k;
        }
    }
    out[0] = (uint8_t)last;
    return (size_t)(end - out);
}

size_t hw_samples_frame(uint8_t *out, const hw_stream *s, uint8_t flags, uint16_t seq, uint32_t t_us,
                        uint8_t lead_off, const int16_t *samples, uint8_t n_samples)
{
    size_t n_values = (size_t)s->n_leads * n_samples;
    if (n_values == 0 || s->n_leads > HW_MAX_LEADS ||
        n_values > (size_t)(HW_MAX_CONTENT - HW_HEADER_SIZE - HW_CRC_SIZE - s->n_leads) / 2)
        return 0;
    uint8_t *p = put_place(out, HW_KIND_SAMPLES, flags, seq, t_us);
    p = put(p, s->fs_mhz, 4);
    p = put(p, s->scale_nv, 2);
    p = put(p, s->n_leads, 1);
    p = put(p, n_samples, 1);
    p = put(p, lead_off, 1);
    for (uint8_t k = 0; k < s->n_leads; k++)
        p = put(p, s->leads[k], 1);
    for (size_t k = 0; k < n_values; k++)
        p = put(p, (uint16_t)samples[k], 2);
    return seal(out, p);
}

size_t hw_beat_frame(uint8_t *out, uint8_t flags, const hw_beat *beat)
{
    uint8_t *p = put_place(out, HW_KIND_BEAT, flags, beat->seq, beat->t_us);
    p = put(p, beat->lead, 1);
    p = put(p, beat->aami, 1);
    p = put(p, (uint16_t)beat->amp_uv, 2);
    for (uint8_t k = 0; k < HW_N_AAMI; k++)
        p = put(p, beat->probs[k], 2);
    return seal(out, p);
}

size_t hw_hello_frame(uint8_t *out, uint8_t flags, const char *firmware)
{
    uint8_t *p = put(out + 1, HW_KIND_HELLO, 1);
    p = put(p, flags, 1);
    const uint8_t *text = p;
    for (; *firmware && p - text < HW_MAX_FIRMWARE; firmware++)
        *p++ = (uint8_t)*firmware;
    return *firmware || p == text ? 0 : seal(out, p);
}
