/* The int8 layers, between the generated tables and the kernel that runs them.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * real = scale (q - zero); weights have zero 0 and a scale for each output.  A dense layer is a convolution of width 1
 * over one sample; a layer without weights is the mean over its samples, with one multiplier and shift.
 */
#ifndef HW_LAYERS_H
#define HW_LAYERS_H

#include <stdint.h>

#include "heartwire.h"

typedef struct {
    const int8_t *weight;      /* [n_out][width][n_in] */
    const int32_t *bias;       /* [n_out], in units of (input scale) (weight scale) */
    const int32_t *multiplier; /* [n_out]: the accumulator becomes a quantum by (multiplier / 2^31) / 2^shift */
    const uint8_t *shift;      /* [n_out] */
    int32_t in_zero, out_zero, least, most;
    int32_t n_given, n_made; /* samples in and out */
    int32_t n_in, n_out;     /* features of a sample */
    int32_t width, stride, pad;
} hw_layer;

extern const hw_layer hw_beat_layers[];
#if HW_RHYTHM
extern const hw_layer hw_rhythm_layers[];
#endif

/* A network's layers one after the other; gives where the last one's quanta are.  `image` may lie in scratch's odd. */
const int8_t *hw_layers_run(const hw_layer *layers, int n, const int8_t *image, hw_scratch *scratch);

/* x [mV or what it is] as a quantum: to the nearest, an even one where two are as near, then clipped. */
int8_t hw_quantum(float x, float scale, int32_t zero);

/* given[n_given][n_in] -> made[n_made][n_out] */
void hw_layer_run(const hw_layer *layer, const int8_t *given, int8_t *made);

/* The k-th smallest (0: the smallest) of x, which is left in another order; no value may be NaN. */
float hw_select(float *x, int n, int k);

/* round(accumulator (multiplier / 2^31) / 2^shift), rounded twice: the product half up, the shift half away from 0. */
int32_t hw_rescale(int32_t accumulator, int32_t multiplier, uint8_t shift);

#endif
