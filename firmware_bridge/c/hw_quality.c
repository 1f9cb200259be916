/* How well the newest seconds can be read, and whether they are noise through and through: edge's quality.py and
 * signal_measures.py, without what they make of the electrodes, which the caller knows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_fusion.h"
#include "hw_layers.h"
#include "hw_rows.h"

#if HW_FUSION

#define LENGTH HW_NOISE_WINDOW
#define SLOPES (LENGTH - HW_SLOPE_LAG)
#define SECONDS (LENGTH / HW_SECOND)
#define LOOKS_KEPT 4

typedef struct {
    float range_mv, busy, wander, slow, middle, fast, peak_hz, peak_share;
} measures;

static float at(const hw_state *s, int k)
{
    return s->ring[(s->n - (uint32_t)LENGTH + (uint32_t)k) % HW_RING];
}

/* Median slope over the largest slopes. */
static float busy(const hw_state *s, float *work)
{
    float *sums = work + SLOPES, sum = 0.0f;
    for (int k = 0; k < SLOPES; k++) {
        work[k] = fabsf(at(s, k + HW_SLOPE_LAG) - at(s, k));
        sum += work[k] - (k < HW_ENVELOPE ? 0.0f : work[k - HW_ENVELOPE]);
        if (k >= HW_ENVELOPE - 1)
            sums[k - HW_ENVELOPE + 1] = sum;
    }
    const int n = SLOPES - HW_ENVELOPE + 1;
    float steep = hw_select(sums, n, n - HW_ENVELOPE) / (float)HW_ENVELOPE;
    return hw_select(work, SLOPES, SLOPES / 2) / (steep + 1e-9f);
}

/* Sample k, the ends repeated. */
static float held(const hw_state *s, int k)
{
    return at(s, k < 0 ? 0 : (k >= LENGTH ? LENGTH - 1 : k));
}

/* Median of the ranges of its seconds, wander removed. */
static float range_mv(const hw_state *s)
{
    float ranges[SECONDS], sum = 0.0f;
    for (int k = -HW_HALF_MEAN; k < HW_HALF_MEAN; k++)
        sum += held(s, k);
    for (int second = 0, k = 0; second < SECONDS; second++) {
        float low = 1e9f, high = -1e9f;
        for (int end = k + HW_SECOND; k < end; k++) {
            sum += held(s, k + HW_HALF_MEAN);
            float rest = at(s, k) - sum / (float)(2 * HW_HALF_MEAN + 1);
            sum -= held(s, k - HW_HALF_MEAN);
            low = rest < low ? rest : low;
            high = rest > high ? rest : high;
        }
        ranges[second] = high - low;
    }
    return hw_select(ranges, SECONDS, SECONDS / 2);
}

static void swap(float *x, int a, int b)
{
    float held_back = x[a];
    x[a] = x[b];
    x[b] = held_back;
}

/* Fast Fourier transform in place, halves of 1, 2, 4 ... joined. */
static void transform(float *re, float *im)
{
    for (int k = 1, j = 0; k < HW_N_FFT; k++) {
        int bit = HW_N_FFT >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (k < j) {
            swap(re, k, j);
            swap(im, k, j);
        }
    }
    for (int half = 1, stage = 0; half < HW_N_FFT; half *= 2, stage++) {
        float c = 1.0f, d = 0.0f; /* turns by hw_turns[stage] each time */
        for (int j = 0; j < half; j++) {
            for (int k = j; k < HW_N_FFT; k += 2 * half) {
                float x = re[k + half] * c + im[k + half] * d, y = im[k + half] * c - re[k + half] * d;
                re[k + half] = re[k] - x;
                im[k + half] = im[k] - y;
                re[k] += x;
                im[k] += y;
            }
            float turned = c * hw_turns[stage][0] - d * hw_turns[stage][1];
            d = c * hw_turns[stage][1] + d * hw_turns[stage][0];
            c = turned;
        }
    }
}

static float sum_of(const float *power, int from, int to)
{
    float sum = 0.0f;
    for (int k = from; k < to; k++)
        sum += power[k];
    return sum;
}

static void bands(const hw_state *s, float *re, float *im, measures *m)
{
    const int n_bins = HW_N_FFT / 2 + 1;
    float mean = 0.0f, c = 1.0f, d = 0.0f;
    for (int k = 0; k < LENGTH; k++)
        mean += at(s, k) / (float)LENGTH;
    for (int k = 0; k < HW_N_FFT; k++) {
        re[k] = k < LENGTH ? (at(s, k) - mean) * (0.5f - 0.5f * c) : 0.0f; /* Hann's taper */
        im[k] = 0.0f;
        float turned = c * HW_TAPER_COS - d * HW_TAPER_SIN;
        d = c * HW_TAPER_SIN + d * HW_TAPER_COS;
        c = turned;
    }
    transform(re, im);
    for (int k = 0; k < n_bins; k++)
        re[k] = re[k] * re[k] + im[k] * im[k];
    float total = sum_of(re, 0, n_bins) + 1e-12f;
    int top = HW_PEAK_FROM;
    for (int k = HW_PEAK_FROM; k < HW_PEAK_TO; k++)
        top = re[k] > re[top] ? k : top;
    int from = top > HW_PEAK_HALF ? top - HW_PEAK_HALF : 0, to = top + HW_PEAK_HALF + 1;
    m->wander = sum_of(re, HW_EDGE_0, HW_EDGE_1) / total;
    m->slow = sum_of(re, HW_EDGE_1, HW_EDGE_2) / total;
    m->middle = sum_of(re, HW_EDGE_2, HW_EDGE_3) / total;
    m->fast = sum_of(re, HW_EDGE_4, n_bins) / total;
    m->peak_hz = (float)top * (float)(HW_FS / HW_N_FFT);
    m->peak_share = sum_of(re, from, to < n_bins ? to : n_bins) / total;
}

static int noise(const measures *m)
{
    if (m->range_mv < HW_NOISE_MIN_RANGE_MV)
        return 0;
    if (m->fast > HW_NOISE_MUSCLE_FAST && m->busy > HW_NOISE_MUSCLE_BUSY)
        return 1;
    return m->busy > HW_NOISE_MOTION_BUSY && m->wander + m->slow > HW_NOISE_MOTION_LOW &&
           m->wander > HW_NOISE_MOTION_WANDER && m->middle < HW_NOISE_MOTION_MIDDLE &&
           m->wander > HW_NOISE_MOTION_RATIO * m->middle && m->peak_share < HW_NOISE_MOTION_PEAK_SHARE &&
           m->peak_hz < HW_NOISE_MOTION_PEAK_HZ;
}

static float index_of(const measures *m)
{
    float stands_out = 1.0f - (m->busy - 0.08f) / 0.20f;
    float organised = m->busy > 0.2f && m->peak_hz >= 2.5f ? m->peak_share : 0.0f;
    float best = stands_out > organised ? stands_out : organised;
    float muscle = m->fast > 0.15f ? (m->fast - 0.15f) * 1.5f : 0.0f;
    best = best < 0.0f ? 0.0f : (best > 1.0f ? 1.0f : best);
    return muscle < 1.0f ? best * (1.0f - muscle) : 0.0f;
}

void hw_quality_reset(hw_quality *s)
{
    s->sqi = 0.5f; /* too young to say */
    s->wait = HW_LOOK;
    s->noisy = s->unreadable = s->looks = 0;
}

void hw_quality_sample(hw_state *state, hw_scratch *scratch)
{
    hw_quality *s = &state->fuser.quality;
    if (--s->wait)
        return;
    s->wait = HW_LOOK;
    if (s->looks * HW_LOOK < LENGTH && ++s->looks * HW_LOOK < LENGTH)
        return;
    measures m;
    m.busy = busy(state, scratch->work);
    m.range_mv = range_mv(state);
    bands(state, scratch->work, scratch->work + HW_N_FFT, &m);
    s->sqi = index_of(&m);
    s->noisy = (uint8_t)((s->noisy << 1 | noise(&m)) & ((1 << LOOKS_KEPT) - 1));
    int n = 0;
    for (int k = 0; k < LOOKS_KEPT; k++)
        n += s->noisy >> k & 1;
    if (n >= HW_NOISE_ON)
        s->unreadable = 1;
    else if (n <= HW_NOISE_OFF)
        s->unreadable = 0;
}

float hw_sqi(const hw_quality *s)
{
    return s->unreadable && s->sqi > 0.2f ? 0.2f : s->sqi;
}

#endif
