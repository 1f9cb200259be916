/* A step of the GRU: two causal convolutions, one layer of gated units, one linear head.  Gate order r, z, n.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heartwire.h"
#include "hw_rows.h"

#if HW_GRU_INT8 /* the hidden units, none larger than 1 */
#define HIDDEN(s) (s)->q
#define HIDDEN_UNIT (1.0f / 32767.0f)
#else
#define HIDDEN(s) (s)->h
#define HIDDEN_UNIT 1.0f
#endif

typedef union {
    float value;
    uint32_t bits;
} number;

/* e^x by 2^k and a polynomial of 2^f, f at most a half, the least wrong one of degree 4: within 3e-6 of it, 0 and infinity
 * at the ends.  A library's expf calculates in double, for which a Cortex-M4F has no unit. */
static inline float exponential(float x)
{
    const number no_fraction = {12582912.0f}; /* a float of this size has no bits behind the point */
    number y = {x * 1.44269504f + no_fraction.value}, power;
    float f = x * 1.44269504f - (y.value - no_fraction.value);
    float p = 0.999999285f + f * (0.693121791f + f * (0.240247458f + f * (0.0559178926f + f * 0.00957008544f)));
    int32_t exponent = (int32_t)(y.bits - no_fraction.bits) + 127;
    exponent = exponent < 0 ? 0 : (exponent > 255 ? 255 : exponent);
    power.bits = (uint32_t)exponent << 23;
    return p * power.value;
}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exponential(-x));
}

static inline float tangent(float x)
{
    return 1.0f - 2.0f / (1.0f + exponential(2.0f * x));
}

void hw_relu(float *x, int32_t n)
{
    for (int32_t k = 0; k < n; k++)
        x[k] = x[k] > 0.0f ? x[k] : 0.0f;
}

/* Makes room for `n_new` values at the end.  A compiler would make a call of memmove of it, which in the small C
 * libraries goes byte by byte. */
static void move_up(hw_value *values, int n, int n_new)
{
    for (int k = 0; k + n_new < n; k++) {
        values[k] = values[k + n_new];
#if defined(__GNUC__)
        __asm__ volatile("");
#endif
    }
}

void hw_gates(float *h, int32_t n_hidden, const float *gx, const float *gh)
{
    for (int32_t j = 0; j < n_hidden; j++) {
        float r = sigmoid(gx[j] + gh[j]);
        float z = sigmoid(gx[n_hidden + j] + gh[n_hidden + j]);
        float n = tangent(gx[2 * n_hidden + j] + r * gh[2 * n_hidden + j]);
        h[j] = n + z * (h[j] - n);
    }
}

void hw_gru_step(hw_gru *s, float mv, float logits[HW_N_LOGITS])
{
    float made[HW_N_STEM1], x[HW_N_STEM2], gx[3 * HW_N_HIDDEN], gh[3 * HW_N_HIDDEN], unit;
    union {
        hw_value values[HW_PADDED(HW_N_STEM2)];
        uint32_t aligned;
    } v;

    for (int k = HW_N_STEM2; k < HW_PADDED(HW_N_STEM2); k++)
        v.values[k] = 0;
    mv = mv < HW_MOST_MV ? (mv > -HW_MOST_MV ? mv : -HW_MOST_MV) : HW_MOST_MV;
    move_up(s->stem1, HW_KERNEL, 1);
    unit = hw_values(&mv, 1, HW_MOST_MV, s->stem1 + HW_KERNEL - 1);
    hw_rows(&hw_stem1, s->stem1, unit, made);
    hw_relu(made, HW_N_STEM1);
    move_up(s->stem2, HW_KERNEL * HW_N_STEM1, HW_N_STEM1);
    unit = hw_values(made, HW_N_STEM1, HW_MOST_STEM1, s->stem2 + (HW_KERNEL - 1) * HW_N_STEM1);
    hw_rows(&hw_stem2, s->stem2, unit, x);
    hw_relu(x, HW_N_STEM2);
    unit = hw_values(x, HW_N_STEM2, 0.0f, v.values);
    hw_rows(&hw_gru_ih, v.values, unit, gx);
    hw_rows(&hw_gru_hh, HIDDEN(s), HIDDEN_UNIT, gh);
    hw_gates(s->h, HW_N_HIDDEN, gx, gh);
#if HW_GRU_INT8
    hw_values(s->h, HW_N_HIDDEN, 1.0f, s->q);
#endif
    hw_rows(&hw_head, HIDDEN(s), HIDDEN_UNIT, logits);
}
