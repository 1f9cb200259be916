/* RR intervals: the last one, running means, spread, irregularity.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_intervals.h"

#if HW_FUSION

#define LONGEST_RR_S 3.0f /* a longer interval is a pause or a gap: it does not enter the means */

void hw_intervals_keep(hw_intervals *s, float rr_s)
{
    s->last_s = rr_s;
    if (rr_s <= 0.0f || rr_s > LONGEST_RR_S)
        return;
    s->rr_s[s->at] = rr_s;
    s->at = (uint8_t)((s->at + 1u) % HW_N_INTERVALS);
    if (s->n < HW_N_INTERVALS)
        s->n++;
}

/* The k-th newest. */
static float back(const hw_intervals *s, int k)
{
    return s->rr_s[(s->at + HW_N_INTERVALS - 1 - k) % HW_N_INTERVALS];
}

float hw_intervals_mean(const hw_intervals *s, uint8_t of, uint8_t least)
{
    int n = s->n < of ? s->n : of;
    float sum = 0.0f;
    if (s->n < least || n == 0)
        return 0.0f;
    for (int k = 0; k < n; k++)
        sum += back(s, k);
    return sum / (float)n;
}

float hw_intervals_spread(const hw_intervals *s, uint8_t of)
{
    int n = s->n < of ? s->n : of;
    float mean = hw_intervals_mean(s, of, 3), sum = 0.0f;
    if (mean <= 0.0f)
        return 0.0f;
    for (int k = 0; k < n; k++)
        sum += (back(s, k) - mean) * (back(s, k) - mean);
    float spread = sqrtf(sum / (float)n) / mean;
    return spread < 1.0f ? spread : 1.0f;
}

int hw_intervals_irregular(const hw_intervals *s, uint8_t least, float *mean, float *rms)
{
    float sum = 0.0f, squares = 0.0f;
    if (s->n < least)
        return 0;
    for (int k = 1; k < s->n; k++) {
        float d = fabsf(logf(back(s, k - 1) / back(s, k)));
        sum += d;
        squares += d * d;
    }
    *mean = sum / (float)(s->n - 1);
    *rms = sqrtf(squares / (float)(s->n - 1));
    return 1;
}

#endif
