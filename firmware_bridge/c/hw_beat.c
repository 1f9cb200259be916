/* What the beat network is shown: a window, the patient's usual beat, their difference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "heartwire.h"

#define LEAST_SCALE_MV 0.05f
#define LEAST_CORRELATION 0.75 /* a beat called normal joins the template only if it looks like it, */
#define SURE 8                 /* once so many have joined, */
#define MOST_ODD 24            /* or if so many in a row did not: then they are what is normal now */
#define CLIP 4.0f

void hw_window(const hw_state *s, const hw_peak *peak, float window[HW_WINDOW])
{
    uint32_t start = peak->sample - HW_BEFORE;
    for (uint32_t k = 0; k < HW_WINDOW; k++)
        window[k] = s->ring[(start + k) % HW_RING];
}

static float largest(const float *x)
{
    float top = 0.0f;
    for (int k = 0; k < HW_WINDOW; k++)
        top = fabsf(x[k]) > top ? fabsf(x[k]) : top;
    return top;
}

static int8_t quantum(float x)
{
    x = x > CLIP ? CLIP : (x < -CLIP ? -CLIP : x);
    float q = rintf(x / HW_BEAT_IN_SCALE) + (float)HW_BEAT_IN_ZERO;
    return (int8_t)(q > 127.0f ? 127.0f : (q < -128.0f ? -128.0f : q));
}

void hw_beat_image(const hw_state *s, const float window[HW_WINDOW], int8_t image[HW_WINDOW * HW_N_CHANNELS])
{
    const float *mean = s->usual.mean;
    int known = s->usual.n > 0;
    float scale = largest(known ? mean : window);
    scale = scale > LEAST_SCALE_MV ? scale : LEAST_SCALE_MV;
    for (int k = 0; k < HW_WINDOW; k++) {
        *image++ = quantum(window[k] / scale);
        *image++ = quantum(known ? mean[k] / scale : 0.0f);
        *image++ = quantum(known ? (window[k] - mean[k]) / scale : 0.0f);
    }
}

static double correlation(const float *a, const float *b)
{
    double ma = 0.0, mb = 0.0, ab = 0.0, aa = 0.0, bb = 0.0;
    for (int k = 0; k < HW_WINDOW; k++) {
        ma += (double)a[k] / HW_WINDOW;
        mb += (double)b[k] / HW_WINDOW;
    }
    for (int k = 0; k < HW_WINDOW; k++) {
        double x = (double)a[k] - ma, y = (double)b[k] - mb;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    double norm = sqrt(aa * bb);
    return norm > 1e-9 ? ab / norm : 0.0;
}

void hw_learn(hw_state *s, const float window[HW_WINDOW])
{
    hw_template *t = &s->usual;
    if (t->n >= SURE && correlation(window, t->mean) < LEAST_CORRELATION) {
        if (++t->odd < MOST_ODD)
            return;
        t->n = 2;
    }
    t->odd = 0;
    if (t->n < HW_MOST_WEIGHT)
        t->n++;
    for (int k = 0; k < HW_WINDOW; k++)
        t->mean[k] += (window[k] - t->mean[k]) / (float)t->n;
}
