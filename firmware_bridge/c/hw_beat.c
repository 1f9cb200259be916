/* What the beat network is shown: a window, the patient's usual beat, their difference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_fuse.h"
#include "hw_layers.h"

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

float hw_largest(const float x[HW_WINDOW])
{
    float top = 0.0f;
    for (int k = 0; k < HW_WINDOW; k++)
        top = fabsf(x[k]) > top ? fabsf(x[k]) : top;
    return top;
}

static int8_t quantum(float x)
{
    x = x > CLIP ? CLIP : (x < -CLIP ? -CLIP : x);
    return hw_quantum(x, HW_BEAT_IN_SCALE, HW_BEAT_IN_ZERO);
}

float hw_usual_scale(const hw_state *s, const float window[HW_WINDOW])
{
    float scale = hw_largest(s->usual.n > 0 ? s->usual.mean : window);
    return scale > LEAST_SCALE_MV ? scale : LEAST_SCALE_MV;
}

void hw_beat_image(const hw_state *s, const float window[HW_WINDOW], int8_t image[HW_WINDOW * HW_N_CHANNELS])
{
    const float *mean = s->usual.mean;
    int known = s->usual.n > 0;
    float scale = hw_usual_scale(s, window);
    for (int k = 0; k < HW_WINDOW; k++) {
        *image++ = quantum(window[k] / scale);
        *image++ = quantum(known ? mean[k] / scale : 0.0f);
        *image++ = quantum(known ? (window[k] - mean[k]) / scale : 0.0f);
    }
}

double hw_correlation(const float *a, const float *b, int n)
{
    double ma = 0.0, mb = 0.0, ab = 0.0, aa = 0.0, bb = 0.0;
    for (int k = 0; k < n; k++) {
        ma += (double)a[k] / n;
        mb += (double)b[k] / n;
    }
    for (int k = 0; k < n; k++) {
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
    if (t->n >= SURE && hw_correlation(window, t->mean, HW_WINDOW) < LEAST_CORRELATION) {
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
