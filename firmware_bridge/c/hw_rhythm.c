/* What the rhythm network says of the newest seconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_fuse.h"
#include "hw_layers.h"

#if HW_RHYTHM

#define LEAST_SCALE_MV 0.08f /* a window quieter than this is shown as quiet */
#define CLIP 4.0f
#define LENGTH HW_RHYTHM_WINDOW

static float at(const hw_state *s, uint32_t k)
{
    return s->ring[(s->n - (uint32_t)LENGTH + k) % HW_RING];
}

int hw_rhythm(hw_state *s, hw_scratch *scratch, float probs[HW_N_RHYTHMS])
{
    float logits[HW_N_RHYTHMS];
    int8_t *image = scratch->layers.odd;
    if (s->rhythm_wait)
        return 0;
    s->rhythm_wait = HW_RHYTHM_HOP;
    for (uint32_t k = 0; k < LENGTH; k++)
        scratch->work[k] = fabsf(at(s, k));
    float scale = hw_select(scratch->work, LENGTH, HW_RHYTHM_SCALE_AT);
    scale = scale > LEAST_SCALE_MV ? scale : LEAST_SCALE_MV;
    for (uint32_t k = 0; k < LENGTH; k++) {
        float x = at(s, k) / scale;
        x = x > CLIP ? CLIP : (x < -CLIP ? -CLIP : x);
        image[k] = hw_quantum(x, HW_RHYTHM_IN_SCALE, HW_RHYTHM_IN_ZERO);
    }
    const int8_t *made = hw_layers_run(hw_rhythm_layers, HW_N_RHYTHM_LAYERS, image, scratch);
    for (int k = 0; k < HW_N_RHYTHMS; k++)
        logits[k] = (float)(made[k] - HW_RHYTHM_OUT_ZERO) * HW_RHYTHM_OUT_SCALE;
    hw_softmax(logits, HW_N_RHYTHMS, probs);
    return 1;
}

#endif
