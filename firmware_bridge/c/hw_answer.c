/* From an R-peak to its two answers: early, and final once the next beat has been seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_fuse.h"

void hw_softmax(const float *x, int n, float *out)
{
    float top = x[0], sum = 0.0f;
    for (int k = 1; k < n; k++)
        top = x[k] > top ? x[k] : top;
    for (int k = 0; k < n; k++)
        sum += out[k] = expf(x[k] - top);
    for (int k = 0; k < n; k++)
        out[k] /= sum;
}

void hw_log_probs(const float logits[HW_N_CLASSES], float out[HW_N_CLASSES])
{
    float top = logits[0], sum = 0.0f;
    for (int k = 1; k < HW_N_CLASSES; k++)
        top = logits[k] > top ? logits[k] : top;
    for (int k = 0; k < HW_N_CLASSES; k++)
        sum += expf(logits[k] - top);
    for (int k = 0; k < HW_N_CLASSES; k++) {
        float log_p = logits[k] - top - logf(sum);
        out[k] = log_p > HW_FLOOR ? log_p : HW_FLOOR;
    }
}

static void answer(const hw_open *open, const float *probs, uint8_t final, hw_answer *out)
{
    out->final = final;
    out->sample = open->sample;
    out->amp_mv = open->amp_mv;
    out->aami = 0;
    for (uint8_t k = 0; k < HW_N_CLASSES; k++) {
        out->probs[k] = probs[k];
        if (probs[k] > probs[out->aami])
            out->aami = k;
    }
}

/* The final answer of the beat that waits, if one does. */
static int finish(hw_state *s, const float *probs, hw_answer *out)
{
    if (!s->open.waits)
        return 0;
    s->open.waits = 0;
    answer(&s->open, probs, 1, out);
    if (out->aami == HW_CLASS_N && out->probs[HW_CLASS_N] > HW_LEARN_ABOVE && s->open.readable)
        hw_learn(s, s->open.window);
    return 1;
}

static int finish_alone(hw_state *s, hw_answer *out)
{
    float probs[HW_N_CLASSES];
    if (!s->open.waits)
        return 0;
    hw_unfollowed(s, probs);
    return finish(s, probs, out);
}

int hw_flush(hw_state *s, hw_answer *out)
{
    int n = finish_alone(s, out);
    hw_fuser_break(s, 0);
    return n;
}

/* The beat's sample on the lead as it came, before filters and detector made it late. */
static uint32_t sample_of(const hw_peak *peak)
{
    double rest = ((double)peak->shift - (double)HW_PEAK_LAG) * HW_STEP, whole = floor(rest);
    uint32_t at = peak->sample * HW_STEP + (uint32_t)(int32_t)whole;
    if (rest - whole > 0.5 || (rest - whole >= 0.5 && (at & 1u)))
        at++; /* an even one where two are as near */
    return at;
}

static int on_peak(hw_state *s, const hw_peak *peak, hw_scratch *scratch, hw_answer *out)
{
    const float *logits = peak->top->logits;
    float window[HW_WINDOW], cnn[HW_N_CLASSES], early[HW_N_CLASSES], before[HW_N_CLASSES];
    int8_t *image = scratch->layers.odd; /* where the first layer does not write */
    const hw_evidence evidence = {peak, window, logits + 1, logits + 1 + HW_N_CLASSES, cnn};

    hw_window(s, peak, window);
    hw_beat_image(s, window, image);
    hw_beat_cnn(image, scratch, cnn);
    hw_fuse(s, &evidence, early, before);
    int n = finish(s, before, out);

    hw_open *open = &s->open;
    open->sample = sample_of(peak);
    open->amp_mv = peak->amp_mv;
    open->since = (uint16_t)(peak->top->age - HW_WAIT);
    open->waits = 1;
    open->readable = (uint8_t)hw_readable(s);
    for (int k = 0; k < HW_WINDOW; k++)
        open->window[k] = window[k];
    answer(open, early, 0, out + n);
    return n + 1;
}

int hw_step(hw_state *s, float mv, hw_scratch *scratch, hw_answer out[2])
{
    float logits[HW_N_LOGITS];
    double x;
    hw_peak peak;

    if (!hw_resample(&s->resampler, mv, &x))
        return 0;
    int decided = hw_push(s, x, logits, &peak), n = 0;
    hw_fuser_sample(s, scratch);
    if (decided)
        n = on_peak(s, &peak, scratch, out);
    else
        s->open.since = (uint16_t)(s->open.since + s->open.waits);
    s->tick = (uint8_t)((s->tick + 1u) % HW_TICK); /* the monitor looks at what waits so often */
    if (!s->tick && s->open.since > HW_LONGEST_WAIT)
        n += finish_alone(s, out + n);
    return n;
}
