/* A step of the GRU: two causal convolutions, one layer of gated units, one linear head.  Gate order r, z, n.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heartwire.h"
#include "hw_rows.h"

typedef union {
    float value;
    uint32_t bits;
} number;

/* e^x by 2^k and a polynomial of 2^f, f at most a half: within 3e-6 of it where it matters.  A library's expf calculates in
 * double, for which a Cortex-M4F has no unit. */
static inline float exponential(float x)
{
    const float no_fraction = 12582912.0f; /* a float of this size has no bits behind the point */
    number size = {x};
    if ((size.bits & 0x7FFFFFFFu) > 0x42A00000u) /* 80, and what is no number */
        x = x > 0.0f ? 80.0f : -80.0f;
    number y = {x * 1.44269504f + no_fraction};
    float f = x - (y.value - no_fraction) * 0.693147181f;
    float p = 1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120)))));
    number power;
    power.bits = (y.bits + 127u) << 23;
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

static void relu(float *x, int n)
{
    for (int k = 0; k < n; k++)
        x[k] = x[k] > 0.0f ? x[k] : 0.0f;
}

/* Makes room for `n_new` values at the end.  A compiler would make a call of memmove of it, which in the small C
 * libraries goes byte by byte. */
static void move_up(float *values, int n, int n_new)
{
    for (int k = 0; k + n_new < n; k++) {
        values[k] = values[k + n_new];
#if defined(__GNUC__)
        __asm__ volatile("");
#endif
    }
}

/* h' = n + z (h - n), n = tanh(Wx + b + r (Uh + c)); gx is Wx + b, gh is Uh + c, for all r, then z, then n. */
static void gates(float *h, const float *gx, const float *gh)
{
    for (int j = 0; j < HW_N_HIDDEN; j++) {
        float r = sigmoid(gx[j] + gh[j]);
        float z = sigmoid(gx[HW_N_HIDDEN + j] + gh[HW_N_HIDDEN + j]);
        float n = tangent(gx[2 * HW_N_HIDDEN + j] + r * gh[2 * HW_N_HIDDEN + j]);
        h[j] = n + z * (h[j] - n);
    }
}

void hw_gru_step(hw_gru *s, float mv, float logits[HW_N_LOGITS])
{
    float x[HW_N_STEM2], gx[3 * HW_N_HIDDEN], gh[3 * HW_N_HIDDEN];
    float *newest = s->stem2 + (HW_KERNEL - 1) * HW_N_STEM1;

    move_up(s->stem1, HW_KERNEL, 1);
    s->stem1[HW_KERNEL - 1] = mv;
    move_up(s->stem2, HW_KERNEL * HW_N_STEM1, HW_N_STEM1);
    hw_rows(&hw_stem1, s->stem1, newest);
    relu(newest, HW_N_STEM1);
    hw_rows(&hw_stem2, s->stem2, x);
    relu(x, HW_N_STEM2);
    hw_rows(&hw_gru_ih, x, gx);
    hw_rows(&hw_gru_hh, s->h, gh);
    gates(s->h, gx, gh);
    hw_rows(&hw_head, s->h, logits);
}
