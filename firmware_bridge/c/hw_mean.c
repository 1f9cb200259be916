/* Both networks' log-probabilities added, as edge's MeanFusion does; the final answer adds what the GRU says of the beat
 * before at the next one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hw_fuse.h"

#if !HW_FUSION

static void add_log_probs(const float *logits, float *sums)
{
    float log_probs[HW_N_CLASSES];
    hw_log_probs(logits, log_probs);
    for (int k = 0; k < HW_N_CLASSES; k++)
        sums[k] += log_probs[k];
}

void hw_fuse(hw_state *s, const hw_evidence *e, float early[HW_N_CLASSES], float before[HW_N_CLASSES])
{
    float *sums = s->fuser.log_probs;
    add_log_probs(e->gru_before, sums);
    hw_softmax(sums, HW_N_CLASSES, before);
    for (int k = 0; k < HW_N_CLASSES; k++)
        sums[k] = 0.0f;
    add_log_probs(e->gru, sums);
    add_log_probs(e->cnn, sums);
    hw_softmax(sums, HW_N_CLASSES, early);
}

void hw_unfollowed(const hw_state *s, float probs[HW_N_CLASSES])
{
    hw_softmax(s->fuser.log_probs, HW_N_CLASSES, probs);
}

int hw_readable(const hw_state *s)
{
    (void)s;
    return 1;
}

void hw_fuser_break(hw_state *s, int cold)
{
    (void)s;
    (void)cold;
}

void hw_fuser_start(hw_state *s)
{
    for (int k = 0; k < HW_N_CLASSES; k++)
        s->fuser.log_probs[k] = 0.0f;
}

void hw_fuser_sample(hw_state *s, hw_scratch *scratch)
{
    (void)s;
    (void)scratch;
}

#endif
