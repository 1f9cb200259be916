/* The trained fusion: this beat's row of features and the one before are mixed into gated units that take one step a beat.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "hw_fusion.h"
#include "hw_intervals.h"
#include "hw_rows.h"

#if HW_FUSION

#define BOTH (2 * HW_FUSION_INPUTS)
#define STATE (HW_FUSION_MIXED + HW_FUSION_HIDDEN)
#define WIDEST HW_PADDED(BOTH > STATE ? BOTH : STATE)

/* out = table times x, whatever the tables take. */
static void product(const hw_table *table, const float *x, int32_t n, float *out)
{
    union {
        hw_value values[WIDEST];
        uint32_t aligned;
    } v;
    memset(&v, 0, sizeof v);
    float unit = hw_values(x, n, 0.0f, v.values);
    hw_rows(table, v.values, unit, out);
}

void hw_fusion_step(hw_fuser *s, const float row[HW_FUSION_INPUTS], float early[HW_N_CLASSES],
                    float before[HW_N_CLASSES])
{
    float both[BOTH > STATE ? BOTH : STATE], logits[2 * HW_N_CLASSES];
    float gx[3 * HW_FUSION_HIDDEN], gh[3 * HW_FUSION_HIDDEN], mixed[HW_FUSION_MIXED];
    for (int k = 0; k < HW_FUSION_INPUTS; k++) {
        both[k] = (row[k] - hw_fusion_mean[k]) * hw_fusion_gain[k];
        both[HW_FUSION_INPUTS + k] = (s->before[k] - hw_fusion_mean[k]) * hw_fusion_gain[k];
        s->before[k] = row[k];
    }
    product(&hw_fusion_mix, both, BOTH, mixed);
    hw_relu(mixed, HW_FUSION_MIXED);
    product(&hw_fusion_ih, mixed, HW_FUSION_MIXED, gx);
    product(&hw_fusion_hh, s->h, HW_FUSION_HIDDEN, gh);
    hw_gates(s->h, HW_FUSION_HIDDEN, gx, gh);
    memcpy(both, mixed, sizeof mixed);
    memcpy(both + HW_FUSION_MIXED, s->h, sizeof s->h);
    product(&hw_fusion_out, both, STATE, logits);
    hw_softmax(logits, HW_N_CLASSES, early);
    hw_softmax(logits + HW_N_CLASSES, HW_N_CLASSES, before);
}

void hw_fuse(hw_state *s, const hw_evidence *e, float early[HW_N_CLASSES], float before[HW_N_CLASSES])
{
    hw_intervals *intervals = &s->fuser.intervals;
    float row[HW_FUSION_INPUTS], rr_s = intervals->begun ? e->peak->rr_s : 0.0f;
    hw_features(s, e, rr_s, row);
    hw_fusion_step(&s->fuser, row, early, before);
    hw_intervals_keep(intervals, rr_s);
    intervals->begun = 1;
}

void hw_unfollowed(const hw_state *s, float probs[HW_N_CLASSES])
{
    hw_fuser alone = s->fuser;
    float row[HW_FUSION_INPUTS] = {0.0f}, early[HW_N_CLASSES];
    row[HW_IN_NOTHING] = 1.0f;
    hw_fusion_step(&alone, row, early, probs);
}

int hw_readable(const hw_state *s)
{
    return !s->fuser.quality.unreadable;
}

void hw_fuser_break(hw_state *s, int cold)
{
    s->fuser.intervals.begun = 0;
    s->fuser.intervals.last_s = 0.0f;
    if (cold) {
        s->fuser.intervals.n = 0;
        hw_quality_reset(&s->fuser.quality);
    }
}

void hw_fuser_start(hw_state *s)
{
    memset(&s->fuser, 0, sizeof s->fuser);
}

void hw_fuser_sample(hw_state *s, hw_scratch *scratch)
{
    hw_quality_sample(s, scratch);
}

#endif
