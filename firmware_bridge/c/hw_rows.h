/* A table of weights times a vector, between the generated tables and the kernel.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * float: weight[n_rows][n].  int8: vectors are int16 and so many units' worth; rows have a scale each and lie in fours,
 * padded with zeros: weight[n_rows / 4][n / 4][4 rows][4], and of every four weights of a row the order is 0 2 1 3, in
 * which a Cortex-M4 takes them apart.  The sums are integers: the same on every machine.
 */
#ifndef HW_ROWS_H
#define HW_ROWS_H

#include <stdint.h>

#include "heartwire.h"

#if HW_GRU_INT8
typedef int8_t hw_weight;
#else
typedef float hw_weight;
#endif

typedef struct {
    const hw_weight *weight;
    const float *scale; /* one a row, int8 only */
    const float *bias;  /* one a row */
    int32_t n_rows, n;  /* n: as padded */
} hw_table;

extern const hw_table hw_stem1, hw_stem2, hw_gru_ih, hw_gru_hh, hw_head;
#if HW_FUSION
extern const hw_table hw_fusion_mix, hw_fusion_ih, hw_fusion_hh, hw_fusion_out;
extern const float hw_fusion_mean[HW_FUSION_INPUTS], hw_fusion_gain[HW_FUSION_INPUTS];
extern const float hw_turns[HW_FFT_STAGES][2]; /* cosine and sine of pi, pi / 2, pi / 4 ... */
#endif

/* A vector as the tables take it, in whole numbers of words, from a word's beginning.  No value is larger than `most`; 0
 * where that is not known.  Gives what a unit is worth. */
float hw_values(const float *x, int32_t n, float most, hw_value *out);

/* The gated units' step: h' = n + z (h - n), n = tanh(Wx + b + r (Uh + c)); gx is Wx + b, gh is Uh + c, for all r, then z,
 * then n. */
void hw_gates(float *h, int32_t n, const float *gx, const float *gh);

void hw_relu(float *x, int32_t n);

/* out[row] = bias[row] + sum of weight[row][k] x[k], of `unit` each */
void hw_rows(const hw_table *table, const hw_value *x, float unit, float *out);

#endif
