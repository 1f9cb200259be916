/* Two networks' opinions of a beat, and the beats before, become one: between hw_answer and the two ways to do it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HW_FUSE_H
#define HW_FUSE_H

#include "heartwire.h"

/* What is known about a beat when it is answered early; logits. */
typedef struct {
    const hw_peak *peak;
    const float *window;     /* [HW_WINDOW], mV */
    const float *gru;        /* [HW_N_CLASSES], the GRU's of this beat, */
    const float *gru_before; /* and of the beat before, seen from here */
    const float *cnn;        /* [HW_N_CLASSES] */
} hw_evidence;

/* Takes a beat: probabilities of it, early, and of the one before, final. */
void hw_fuse(hw_state *s, const hw_evidence *e, float early[HW_N_CLASSES], float before[HW_N_CLASSES]);

/* Final probabilities of the newest beat where none has followed. */
void hw_unfollowed(const hw_state *s, float probs[HW_N_CLASSES]);

/* Whether the lead can be read now: a beat of noise joins no template. */
int hw_readable(const hw_state *s);

/* Samples were lost: the next beat has no interval; `cold`: nor are the intervals before known, nor the quality. */
void hw_fuser_break(hw_state *s, int cold);

/* A patient never seen. */
void hw_fuser_start(hw_state *s);

/* The model's sample that is in the ring; before the beat that it decides. */
void hw_fuser_sample(hw_state *s, hw_scratch *scratch);

void hw_softmax(const float *x, int n, float *out);

/* log of softmax, no less than HW_FLOOR */
#define HW_FLOOR (-6.0f)
void hw_log_probs(const float logits[HW_N_CLASSES], float out[HW_N_CLASSES]);

/* Of hw_beat.c: largest size; height of the patient's usual beat, or of this one; Pearson's, 0 when either is flat. */
float hw_largest(const float x[HW_WINDOW]);
float hw_usual_scale(const hw_state *s, const float window[HW_WINDOW]);
double hw_correlation(const float *a, const float *b, int n);

#endif
