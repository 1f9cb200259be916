/* The parts of the trained fusion.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HW_FUSION_H
#define HW_FUSION_H

#include "hw_fuse.h"

#if HW_FUSION

/* A beat's row of features; rr_s is 0 where it has no interval. */
void hw_features(const hw_state *s, const hw_evidence *e, float rr_s, float row[HW_FUSION_INPUTS]);

/* A step of the network: probabilities of the beat that the row is of, and of the one before. */
void hw_fusion_step(hw_fuser *s, const float row[HW_FUSION_INPUTS], float early[HW_N_CLASSES],
                    float before[HW_N_CLASSES]);

/* The model's newest sample is in the ring: once a second the quality is looked at. */
void hw_quality_sample(hw_state *s, hw_scratch *scratch);
void hw_quality_reset(hw_quality *s);

/* 0 (noise) to 1 (clean) */
float hw_sqi(const hw_quality *s);

#endif
#endif
