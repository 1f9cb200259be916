/* The int8 layers, between the generated tables and the kernel that runs them.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * real = scale (q - zero); weights have zero 0 and a scale for each output.  A dense layer is a convolution of width 1
 * over one sample.
 */
#ifndef HW_LAYERS_H
#define HW_LAYERS_H

#include <stdint.h>

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

/* given[n_given][n_in] -> made[n_made][n_out] */
void hw_layer_run(const hw_layer *layer, const int8_t *given, int8_t *made);

/* round(accumulator (multiplier / 2^31) / 2^shift), rounded twice: the product half up, the shift half away from 0. */
int32_t hw_rescale(int32_t accumulator, int32_t multiplier, uint8_t shift);

#endif
