/* R-peaks: local maxima of the QRS logit, decided some time later; a missed one when the next beat is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "heartwire.h"

/* Samples; why so many, edge/rpeaks.py says. */
#define REFRACTORY 25u   /* 200 ms: no two beats are closer, */
#define CLOSEST 20u      /* but that a surer one may follow from 160 ms on */
#define DOUBT_WAIT 28u   /* a doubtful maximum waits so long for a higher one */
#define T_WAVE 35u       /* a maximum so soon after a beat, */
#define T_WAVE_FALL 2.5  /* and so much lower, is its T-wave */
#define MISSED_APART 45u /* a missed beat is so far from both its neighbours */
#define SLOW 188u        /* beats so far apart are too far apart whatever is usual, */
#define SLOW_APART 62u   /* if what lies between follows the first by so much */
#define USUAL_LEAST 4u
#define LONGEST_BACK 375u

static uint32_t older(uint32_t age)
{
    return age && age < HW_LONG_AGO ? age + 1u : age;
}

/* The maximum that was the sample before this one. */
static void stand(hw_top *top, float height)
{
    top->age = 1;
    top->height = height;
}

static void consider(hw_detector *s, float height)
{
    uint32_t since = s->since_taken - 1u;
    double fall = (double)s->height - (double)height;

    if (since < CLOSEST || (since < REFRACTORY && fall >= 0.0) || (since < T_WAVE && fall > T_WAVE_FALL))
        return;
    if (height > HW_QRS_LOGIT) {
        if (s->candidate.age && height <= s->candidate.height)
            return;
        stand(&s->candidate, height);
        s->due = height > HW_DOUBT_LOGIT || HW_WAIT > DOUBT_WAIT ? HW_WAIT : DOUBT_WAIT;
    } else if (!s->candidate.age && since >= MISSED_APART && (!s->missed.age || height > s->missed.height)) {
        stand(&s->missed, height);
    }
}

/* Whether the candidate comes so late that the maximum that fell short must have been a beat. */
static int is_missed(const hw_detector *s)
{
    uint32_t apart = s->since_taken - s->candidate.age, sum = 0, least = LONGEST_BACK, most = 0;

    if (!s->missed.age || s->missed.age - s->candidate.age < MISSED_APART || apart > LONGEST_BACK)
        return 0;
    if (apart >= SLOW && s->since_taken - s->missed.age >= SLOW_APART)
        return 1;
    if (s->n_intervals < USUAL_LEAST)
        return 0;
    for (uint32_t k = 0; k < s->n_intervals; k++) {
        uint32_t interval = s->intervals[k];
        sum += interval;
        least = interval < least ? interval : least;
        most = interval > most ? interval : most;
    }
    return 2u * most <= 5u * least && 2u * s->n_intervals * apart > 3u * sum;
}

static const hw_top *taken(hw_detector *s, hw_top *top)
{
    uint32_t since = s->since_taken - top->age;

    if (REFRACTORY <= since && since <= LONGEST_BACK) {
        s->intervals[s->at] = (uint16_t)since;
        s->at = (uint8_t)((s->at + 1u) % HW_USUAL);
        if (s->n_intervals < HW_USUAL)
            s->n_intervals++;
    }
    s->since_taken = s->decided.age = top->age;
    s->height = s->decided.height = top->height;
    memcpy(s->decided.logits, top->logits, sizeof top->logits);
    s->missed.age = 0;
    top->age = 0;
    return &s->decided;
}

const hw_top *hw_detect(hw_detector *s, const float logits[HW_N_LOGITS], int (*is_qrs)(void *, uint32_t), void *of)
{
    float last = s->last;

    s->since_taken = older(s->since_taken);
    s->candidate.age = older(s->candidate.age);
    s->missed.age = older(s->missed.age);
    if (last > HW_MISSED_LOGIT && last >= s->before && last > logits[0])
        consider(s, last);
    s->before = last;
    s->last = logits[0];
    if (s->missed.age == HW_WAIT)
        memcpy(s->missed.logits, logits, sizeof s->missed.logits);
    if (s->candidate.age == HW_WAIT)
        memcpy(s->candidate.logits, logits, sizeof s->candidate.logits);
    if (!s->candidate.age || s->candidate.age < s->due)
        return 0;
    if (is_missed(s)) {
        if (!is_qrs || is_qrs(of, s->missed.age))
            return taken(s, &s->missed);
        s->missed.age = 0;
    }
    if (!is_qrs || is_qrs(of, s->candidate.age))
        return taken(s, &s->candidate);
    s->candidate.age = 0;
    return 0;
}
