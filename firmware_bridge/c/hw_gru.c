/* A step of the GRU: two causal convolutions, one layer of gated units, one linear head.  Gate order r, z, n.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "heartwire.h"

/* Four sums at a time: a multiply-add need not wait for the one before it. */
static float dot(const float *a, const float *b, int n)
{
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
    int k = 0;
    for (; k + 4 <= n; k += 4) {
        s0 += a[k] * b[k];
        s1 += a[k + 1] * b[k + 1];
        s2 += a[k + 2] * b[k + 2];
        s3 += a[k + 3] * b[k + 3];
    }
    for (; k < n; k++)
        s0 += a[k] * b[k];
    return (s0 + s1) + (s2 + s3);
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static float relu(float x)
{
    return x > 0.0f ? x : 0.0f;
}

/* Makes room for `n_new` values at the end. */
static void move_up(float *values, int n, int n_new)
{
    for (int k = 0; k + n_new < n; k++)
        values[k] = values[k + n_new];
}

/* h' = n + z (h - n), n = tanh(Wx + b + r (Uh + c)); `gate` 0, 1, 2 is r, z, n. */
static float unit(const float *x, const float *h, int j)
{
    float gx[3], gh[3];
    for (int gate = 0; gate < 3; gate++) {
        int row = gate * HW_N_HIDDEN + j;
        gx[gate] = hw_gru_bias_ih[row] + dot(hw_gru_weight_ih[row], x, HW_N_STEM2);
        gh[gate] = hw_gru_bias_hh[row] + dot(hw_gru_weight_hh[row], h, HW_N_HIDDEN);
    }
    float r = sigmoid(gx[0] + gh[0]);
    float z = sigmoid(gx[1] + gh[1]);
    float n = tanhf(gx[2] + r * gh[2]);
    return n + z * (h[j] - n);
}

void hw_gru_step(hw_gru *s, float mv, float logits[HW_N_LOGITS])
{
    float x[HW_N_STEM2], h[HW_N_HIDDEN];
    float *newest = s->stem2 + (HW_KERNEL - 1) * HW_N_STEM1;

    move_up(s->stem1, HW_KERNEL, 1);
    s->stem1[HW_KERNEL - 1] = mv;
    move_up(s->stem2, HW_KERNEL * HW_N_STEM1, HW_N_STEM1);
    for (int j = 0; j < HW_N_STEM1; j++)
        newest[j] = relu(hw_stem1_bias[j] + dot(hw_stem1_weight[j], s->stem1, HW_KERNEL));
    for (int j = 0; j < HW_N_STEM2; j++)
        x[j] = relu(hw_stem2_bias[j] + dot(hw_stem2_weight[j], s->stem2, HW_KERNEL * HW_N_STEM1));
    for (int j = 0; j < HW_N_HIDDEN; j++)
        h[j] = unit(x, s->h, j);
    for (int j = 0; j < HW_N_HIDDEN; j++)
        s->h[j] = h[j];
    for (int j = 0; j < HW_N_LOGITS; j++)
        logits[j] = hw_head_bias[j] + dot(hw_head_weight[j], h, HW_N_HIDDEN);
}
