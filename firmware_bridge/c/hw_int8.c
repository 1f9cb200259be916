/* int8 convolutions: int32 accumulators, a fixed-point rescale for each output.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "heartwire.h"
#include "hw_layers.h"

/* C leaves >> of negative numbers to the compiler, so both shifts are of numbers made positive. */
int32_t hw_rescale(int32_t accumulator, int32_t multiplier, uint8_t shift)
{
    const int64_t far = (int64_t)1 << 62;
    int64_t product = (int64_t)accumulator * multiplier + ((int64_t)1 << 30);
    int64_t high = (int64_t)((uint64_t)(product + far) >> 31) - (far >> 31);
    uint64_t half = ((uint64_t)1 << shift) >> 1;
    uint64_t size = ((uint64_t)(high < 0 ? -high : high) + half) >> shift;
    return high < 0 ? -(int32_t)size : (int32_t)size;
}

/* The taps that lie on samples; padding is the zero point and adds nothing.  Samples and weights both lie in a row. */
static int32_t accumulate(const hw_layer *layer, const int8_t *given, const int8_t *weight, int32_t first)
{
    int32_t begin = first < 0 ? -first : 0;
    int32_t end = first + layer->width > layer->n_given ? layer->n_given - first : layer->width;
    const int8_t *x = given + (first + begin) * layer->n_in;
    const int8_t *w = weight + begin * layer->n_in;
    const int32_t zero = layer->in_zero;
    int32_t sum = 0;
    for (int32_t n = (end - begin) * layer->n_in; n > 0; n--)
        sum += (*x++ - zero) * *w++;
    return sum;
}

static int8_t in_range(const hw_layer *layer, int32_t y)
{
    return (int8_t)(y < layer->least ? layer->least : (y > layer->most ? layer->most : y));
}

static void mean(const hw_layer *layer, const int8_t *given, int8_t *made)
{
    for (int32_t k = 0; k < layer->n_out; k++) {
        int32_t sum = 0;
        for (int32_t at = 0; at < layer->n_given; at++)
            sum += given[at * layer->n_in + k] - layer->in_zero;
        made[k] = in_range(layer, layer->out_zero + hw_rescale(sum, layer->multiplier[0], layer->shift[0]));
    }
}

void hw_layer_run(const hw_layer *layer, const int8_t *given, int8_t *made)
{
    int32_t size = layer->width * layer->n_in;
    if (!layer->weight) {
        mean(layer, given, made);
        return;
    }
    for (int32_t at = 0; at < layer->n_made; at++) {
        for (int32_t k = 0; k < layer->n_out; k++) {
            int32_t first = at * layer->stride - layer->pad;
            int32_t sum = layer->bias[k] + accumulate(layer, given, layer->weight + k * size, first);
            *made++ = in_range(layer, layer->out_zero + hw_rescale(sum, layer->multiplier[k], layer->shift[k]));
        }
    }
}

const int8_t *hw_layers_run(const hw_layer *layers, int n, const int8_t *image, hw_scratch *scratch)
{
    const int8_t *given = image;
    for (int k = 0; k < n; k++) {
        int8_t *made = k % 2 ? scratch->layers.odd : scratch->layers.even;
        hw_layer_run(layers + k, given, made);
        given = made;
    }
    return given;
}

int8_t hw_quantum(float x, float scale, int32_t zero)
{
    float q = rintf(x / scale) + (float)zero;
    return (int8_t)(q > 127.0f ? 127.0f : (q < -128.0f ? -128.0f : q));
}

void hw_beat_cnn(const int8_t image[HW_WINDOW * HW_N_CHANNELS], hw_scratch *scratch, float logits[HW_N_CLASSES])
{
    const int8_t *made = hw_layers_run(hw_beat_layers, HW_N_LAYERS, image, scratch);
    for (int k = 0; k < HW_N_CLASSES; k++)
        logits[k] = (float)(made[k] - HW_BEAT_OUT_ZERO) * HW_BEAT_OUT_SCALE;
}
