/* A table of weights times a vector, between the generated tables and the kernel.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * float: weight[n_rows][n].  int8: a row is padded with zeros to a multiple of 4 and has a scale; the vector is made
 * int16 by its largest value.
 */
#ifndef HW_ROWS_H
#define HW_ROWS_H

#include <stdint.h>

#include "heartwire_weights.h"

#if HW_GRU_INT8
typedef int8_t hw_weight;
#else
typedef float hw_weight;
#endif

typedef struct {
    const hw_weight *weight;
    const float *scale; /* [n_rows], int8 only */
    const float *bias;  /* [n_rows] */
    int32_t n_rows, n;
} hw_table;

extern const hw_table hw_stem1, hw_stem2, hw_gru_ih, hw_gru_hh, hw_head;

/* out[row] = bias[row] + sum of weight[row][k] x[k] */
void hw_rows(const hw_table *table, const float *x, float *out);

#endif
