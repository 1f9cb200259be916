/* From an R-peak to its two answers: early, and final once the next beat has been seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Both networks' log-probabilities are added, as edge's MeanFusion does; the final answer adds what the GRU says of the
 * beat before at the next one.  The monitor's own fusion, which remembers the patient's rhythm, is not in it.
 */
#include <math.h>

#include "heartwire.h"

#define FLOOR (-6.0f)

static void softmax(const float *x, float *out)
{
    float top = x[0], sum = 0.0f;
    for (int k = 1; k < HW_N_CLASSES; k++)
        top = x[k] > top ? x[k] : top;
    for (int k = 0; k < HW_N_CLASSES; k++)
        sum += out[k] = expf(x[k] - top);
    for (int k = 0; k < HW_N_CLASSES; k++)
        out[k] /= sum;
}

static void add_log_probs(const float *logits, float *sums)
{
    float probs[HW_N_CLASSES];
    softmax(logits, probs);
    for (int k = 0; k < HW_N_CLASSES; k++) {
        float log_p = probs[k] > 0.0f ? logf(probs[k]) : FLOOR;
        sums[k] += log_p > FLOOR ? log_p : FLOOR;
    }
}

static void answer(const hw_open *open, uint8_t final, hw_answer *out)
{
    softmax(open->log_probs, out->probs);
    out->final = final;
    out->sample = open->sample;
    out->amp_mv = open->amp_mv;
    out->aami = 0;
    for (uint8_t k = 1; k < HW_N_CLASSES; k++)
        if (out->probs[k] > out->probs[out->aami])
            out->aami = k;
}

int hw_flush(hw_state *s, hw_answer *out)
{
    if (!s->open.waits)
        return 0;
    s->open.waits = 0;
    answer(&s->open, 1, out);
    if (out->aami == HW_CLASS_N && out->probs[HW_CLASS_N] > HW_LEARN_ABOVE)
        hw_learn(s, s->open.window);
    return 1;
}

/* The beat's sample on the lead as it came, before filters and detector made it late. */
static uint32_t sample_of(const hw_peak *peak)
{
    return peak->sample * HW_STEP + (uint32_t)(int32_t)floorf((peak->shift - HW_PEAK_LAG) * (float)HW_STEP + 0.5f);
}

static int on_peak(hw_state *s, const hw_peak *peak, const float *logits, hw_scratch *scratch, hw_answer *out)
{
    float window[HW_WINDOW], beat[HW_N_CLASSES], sums[HW_N_CLASSES] = {0};
    int8_t image[HW_WINDOW * HW_N_CHANNELS];

    hw_window(s, peak, window);
    hw_beat_image(s, window, image);
    hw_beat_cnn(image, scratch, beat);
    add_log_probs(logits + 1, sums);
    add_log_probs(beat, sums);
    if (s->open.waits)
        add_log_probs(logits + 1 + HW_N_CLASSES, s->open.log_probs);
    int n = hw_flush(s, out);

    hw_open *open = &s->open;
    open->sample = sample_of(peak);
    open->amp_mv = peak->amp_mv;
    open->since = 0;
    open->waits = 1;
    for (int k = 0; k < HW_N_CLASSES; k++)
        open->log_probs[k] = sums[k];
    for (int k = 0; k < HW_WINDOW; k++)
        open->window[k] = window[k];
    answer(open, 0, out + n);
    return n + 1;
}

int hw_step(hw_state *s, float mv, hw_scratch *scratch, hw_answer out[2])
{
    float logits[HW_N_LOGITS];
    double x;
    hw_peak peak;

    if (!hw_resample(&s->resampler, mv, &x))
        return 0;
    if (hw_push(s, x, logits, &peak))
        return on_peak(s, &peak, logits, scratch, out);
    if (s->open.waits && ++s->open.since > HW_LONGEST_WAIT)
        return hw_flush(s, out);
    return 0;
}
