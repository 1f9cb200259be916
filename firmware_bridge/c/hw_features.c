/* What the fusion is told of a beat: edge's fusion.py and likeness.py say what each feature is.  HW_IN_* are the names in
 * the fusion's manifest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_fusion.h"
#include "hw_intervals.h"

#if HW_FUSION

#define USUAL_RR_S 0.8f
#define USUAL_IRREGULARITY 0.05f /* where too few intervals are known */
#define RECENT 8                 /* intervals of the running mean */
#define LONG_LEAST 4             /* the long mean is taken of so many at least */
#define P_FROM 31                /* the P-wave lies in these samples before the R-peak, */
#define P_TO 6
#define QRS_HALF 8               /* the QRS on either side of it */
#define LEAST_RESIDUAL 0.02f     /* below it, of the template's height, is noise */

/* Natural logarithm of a / b, at most 1.5 in size; 0 where either is not known. */
static float log_ratio(float a, float b)
{
    if (a <= 0.0f || b <= 0.0f)
        return 0.0f;
    float ratio = logf(a / b);
    return ratio > 1.5f ? 1.5f : (ratio < -1.5f ? -1.5f : ratio);
}

static void intervals(const hw_intervals *s, float rr_s, float *row)
{
    float mean_s = hw_intervals_mean(s, RECENT, 1), mean = USUAL_IRREGULARITY, rms = USUAL_IRREGULARITY;
    hw_intervals_irregular(s, LONG_LEAST, &mean, &rms);
    row[HW_IN_RR] = log_ratio(rr_s, USUAL_RR_S);
    row[HW_IN_RR_TO_MEAN] = log_ratio(rr_s, mean_s);
    row[HW_IN_RR_TO_LAST] = log_ratio(rr_s, s->last_s);
    row[HW_IN_RR_TO_LONG] = log_ratio(rr_s, hw_intervals_mean(s, HW_N_INTERVALS, LONG_LEAST));
    row[HW_IN_RR_MEAN] = log_ratio(mean_s, USUAL_RR_S);
    row[HW_IN_RR_SPREAD] = hw_intervals_spread(s, RECENT);
    row[HW_IN_IRREGULAR_MEAN] = logf(mean + 0.005f);
    row[HW_IN_IRREGULAR_RMS] = logf(rms + 0.005f);
    row[HW_IN_NO_RR] = rr_s > 0.0f ? 0.0f : 1.0f;
}

/* Logarithm of the root mean square of what lies between a beat and the template, over the template's height. */
static float residual(const float *window, const float *mean, float scale, int from, int to)
{
    float sum = 0.0f;
    for (int k = from; k < to; k++) {
        float apart = (window[k] - mean[k]) / scale;
        sum += apart * apart;
    }
    float size = sqrtf(sum / (float)(to - from));
    return logf(LEAST_RESIDUAL + (size < 20.0f ? size : 20.0f));
}

static void likeness(const hw_state *s, const float *window, float *row)
{
    const float *mean = s->usual.mean, scale = hw_usual_scale(s, window);
    const int p = HW_BEFORE - P_FROM, n_p = P_FROM - P_TO, known = s->usual.n > 0;
    float ratio = hw_largest(window) / scale;
    ratio = logf(ratio > 1e-3f ? ratio : 1e-3f);
    row[HW_IN_AMP_TO_TEMPLATE] = ratio > 2.0f ? 2.0f : (ratio < -2.0f ? -2.0f : ratio);
    row[HW_IN_WHOLE_CORRELATION] = known ? (float)hw_correlation(window, mean, HW_WINDOW) : 0.0f;
    row[HW_IN_P_CORRELATION] = known ? (float)hw_correlation(window + p, mean + p, n_p) : 0.0f;
    row[HW_IN_P_RESIDUAL] = known ? residual(window, mean, scale, p, p + n_p) : 0.0f;
    row[HW_IN_QRS_RESIDUAL] =
        known ? residual(window, mean, scale, HW_BEFORE - QRS_HALF, HW_BEFORE + QRS_HALF + 1) : 0.0f;
    row[HW_IN_EARLY_RESIDUAL] = known ? residual(window, mean, scale, 0, p) : 0.0f;
    row[HW_IN_NO_TEMPLATE] = known ? 0.0f : 1.0f;
}

void hw_features(const hw_state *s, const hw_evidence *e, float rr_s, float row[HW_FUSION_INPUTS])
{
    hw_log_probs(e->gru, row + HW_IN_GRU_N);
    hw_log_probs(e->cnn, row + HW_IN_CNN_N);
    hw_log_probs(e->gru_before, row + HW_IN_GRU_BEFORE_N);
    for (int k = 0; k < HW_N_CLASSES && rr_s <= 0.0f; k++)
        row[HW_IN_GRU_BEFORE_N + k] = 0.0f;
    intervals(&s->fuser.intervals, rr_s, row);
    likeness(s, e->window, row);
    row[HW_IN_SQI] = hw_sqi(&s->fuser.quality);
    row[HW_IN_NOTHING] = 0.0f;
    for (int k = 0; k < HW_FUSION_INPUTS; k++)
        row[k] = row[k] > -HW_FLOOR ? -HW_FLOOR : (row[k] < HW_FLOOR ? HW_FLOOR : row[k]);
}

#endif
