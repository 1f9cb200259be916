/* One patient: a sample's way through filters, GRU and R-peak logic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "hw_fuse.h"
#include "hw_p_wave.h"

#define SEARCH_BACK 8u  /* the R-peak lies from 64 ms before */
#define SEARCH_AHEAD 4u /* to 32 ms after where the logit says */
#define NO_LOGIT (-1e9f)
#define LEAST_DISTANCE 20.0 /* samples, 160 ms: two answers about the same deflection are one beat */

static void clear(float *values, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        values[k] = 0.0f;
}

void hw_restart(hw_state *s)
{
    s->resampler.warm = s->filters.warm = 0; /* the first sample sets the rest */
    memset(&s->gru, 0, sizeof s->gru);
    memset(&s->detector, 0, sizeof s->detector);
    s->detector.before = s->detector.last = s->detector.height = NO_LOGIT;
    s->detector.since_taken = HW_LONG_AGO;
    clear(s->ring, HW_RING);
    s->n = 0;
    s->open.waits = 0;
    s->tick = 0;
    hw_fuser_break(s, 1);
#if HW_RHYTHM
    s->rhythm_wait = HW_RHYTHM_FIRST;
#endif
    s->last_shift = 0.0;
    s->last_at = 0u - HW_LONG_AGO;
}

void hw_start(hw_state *s)
{
    clear(s->usual.mean, HW_WINDOW);
    s->usual.n = s->usual.odd = 0;
    memset(&s->sizes, 0, sizeof s->sizes);
    hw_fuser_start(s);
    hw_restart(s);
}

static double size_at(const hw_state *s, uint32_t sample)
{
    return fabs((double)s->ring[sample % HW_RING]);
}

/* The largest deflection near `around`, and by a parabola through its three samples how far from it the top lies. */
static double refine(const hw_state *s, uint32_t around, uint32_t *at)
{
    uint32_t top = around - SEARCH_BACK;
    for (uint32_t k = 1; k <= SEARCH_BACK + SEARCH_AHEAD; k++)
        if (size_at(s, around - SEARCH_BACK + k) > size_at(s, top))
            top = around - SEARCH_BACK + k;
    double left = size_at(s, top - 1), right = size_at(s, top + 1);
    double bend = left - 2.0 * size_at(s, top) + right;
    double shift = bend < -1e-12 ? 0.5 * (left - right) / bend : 0.0;
    *at = top;
    return shift > 0.5 ? 0.5 : (shift < -0.5 ? -0.5 : shift);
}

/* The sample nearest to at + shift, an even one where two are as near. */
static uint32_t nearest(uint32_t at, double shift)
{
    if (shift >= 0.5)
        return at + (at & 1u);
    return shift <= -0.5 ? at - (at & 1u) : at;
}

/* The R-peak of a maximum of the logit that is `age` samples old. */
static double refined(const hw_state *s, uint32_t age, uint32_t *at)
{
    return refine(s, s->n - 1u - age - HW_QRS_DELAY + HW_FILTER_DELAY, at);
}

static int is_qrs(void *of, uint32_t age)
{
    hw_state *s = of;
    uint32_t at;
    double shift = refined(s, age, &at);
    uint32_t start = nearest(at, shift) - HW_WAVE_BEFORE;
    float wave[HW_WAVE];
    for (uint32_t k = 0; k < HW_WAVE; k++)
        wave[k] = s->ring[(start + k) % HW_RING];
    return hw_is_qrs(&s->sizes, wave);
}

static int take(hw_state *s, const hw_top *top, hw_peak *peak)
{
    uint32_t at;
    double shift = refined(s, top->age, &at);
    double distance = (double)(uint32_t)(at - s->last_at) + shift - s->last_shift;
    if (distance < LEAST_DISTANCE)
        return 0;
    s->last_at = at;
    s->last_shift = shift;
    peak->sample = nearest(at, shift);
    peak->shift = (float)(shift - (double)(int32_t)(peak->sample - at));
    peak->amp_mv = s->ring[at % HW_RING];
    peak->rr_s = (float)(distance / HW_FS);
    peak->top = top;
    return 1;
}

int hw_push(hw_state *s, double mv, float logits[HW_N_LOGITS], hw_peak *peak)
{
    float f = (float)hw_filter(&s->filters, mv);
    s->ring[s->n % HW_RING] = f;
    s->n++;
#if HW_RHYTHM
    if (s->rhythm_wait)
        s->rhythm_wait--;
#endif
    hw_gru_step(&s->gru, f, logits);
    const hw_top *top = hw_detect(&s->detector, logits, is_qrs, s);
    return top ? take(s, top, peak) : 0;
}
