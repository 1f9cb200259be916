/* heartwire's models on a chip: filters, GRU step, R-peaks, the int8 beat network, and two options, in C99.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * No heap, no files; of the C library only expf, logf, sqrt, sqrtf, fabs, fabsf, floor, rintf and memset, and what a
 * compiler makes of loops (memcpy, memmove).  Weights are const (flash) and shared; all that is known of one patient is
 * one hw_state (RAM).
 *
 *   static hw_state patient;
 *   static hw_scratch scratch;
 *   hw_answer answers[2];
 *
 *   hw_start(&patient);
 *   for every sample, at HW_FS_IN Hz:
 *       n = hw_step(&patient, mv, &scratch, answers);     0 to 2 answers about beats
 *
 * The caller tells electrodes and gaps: hw_flush() and hw_restart() after more than a second without samples.
 * heartwire_weights.h is written by `python -m train export --c`.
 */
#ifndef HEARTWIRE_H
#define HEARTWIRE_H

#include <stdint.h>

/* -DHW_FUSION=1: classes by the trained fusion, which knows the patient's rhythm and the signal's quality, as the monitor
 * gives them; without it by the mean of both networks.  -DHW_RHYTHM=1: the rhythm network.  The same for all files. */
#ifndef HW_FUSION
#define HW_FUSION 0
#endif
#ifndef HW_RHYTHM
#define HW_RHYTHM 0
#endif

#include "heartwire_weights.h"

#if HW_FUSION || HW_RHYTHM
#define HW_RING HW_RING_LONG
#else
#define HW_RING HW_RING_SHORT
#endif

/* One second-order section, direct form II transposed; double, for the 0.5 Hz poles lie 0.02 from 1. */
typedef struct {
    double z1, z2;
} hw_biquad;

/* The newest samples as they came, and how many more until the next one for the models. */
typedef struct {
    float window[HW_N_TAPS];
    uint16_t wait;
    uint8_t warm;
} hw_resampler;

/* The filters.  The first sample settles them: no start-up transient. */
typedef struct {
    hw_biquad section[HW_N_SECTIONS];
    uint8_t warm;
} hw_filters;

#if HW_GRU_INT8
typedef int16_t hw_value; /* what a table of int8 weights takes, four words at a time */
#define HW_PADDED(n) (((n) + 15) / 16 * 16)
#else
typedef float hw_value;
#define HW_PADDED(n) (n)
#endif

/* The newest HW_KERNEL inputs of both causal convolutions, the newest last, and the hidden units. */
typedef struct {
    hw_value stem1[HW_PADDED(HW_KERNEL)];
    hw_value stem2[HW_PADDED(HW_KERNEL * HW_N_STEM1)];
    float h[HW_N_HIDDEN];
#if HW_GRU_INT8
    hw_value q[HW_PADDED(HW_N_HIDDEN)]; /* they as tables take them */
#endif
} hw_gru;

/* A maximum of the QRS logit: its age in samples, 0 where there is none, and the logits when its class was due. */
typedef struct {
    uint32_t age;
    float height;
    float logits[HW_N_LOGITS];
} hw_top;

/* The QRS logit's local maxima.  Ages in samples, so nothing grows with the time that the patient is watched. */
typedef struct {
    float before, last;
    hw_top candidate, missed, decided;
    float height;         /* of the beat before, */
    uint32_t since_taken; /* and its age, which stays at HW_LONG_AGO */
    uint32_t due;         /* age at which the candidate is a beat */
    uint16_t intervals[HW_USUAL];
    uint8_t n_intervals, at;
} hw_detector;

/* An R-peak: `sample` counts from hw_start or hw_restart, mod 2^32; the top lies `shift` samples after it. */
typedef struct {
    uint32_t sample;
    float shift;
    float amp_mv;
    float rr_s;        /* since the R-peak before */
    const hw_top *top; /* of the QRS logit; until the next hw_push */
} hw_peak;

/* How large and how steep a QRS of this patient usually is, and how many small waves in a row were none. */
typedef struct {
    double usual_mv, usual_steep_mv;
    uint8_t n, refused;
} hw_sizes;

/* Running mean of the patient's normal beats. */
typedef struct {
    float mean[HW_WINDOW];
    uint8_t n;   /* beats learned, up to HW_MOST_WEIGHT; 0: no template */
    uint8_t odd; /* normal beats in a row that did not look like it */
} hw_template;

/* One answer about a beat: early when its R-peak is decided, final when the next one is or none has come.  `sample`
 * counts what was given since hw_start or hw_restart, mod 2^32; `aami` is HW_CLASS_*. */
typedef struct {
    uint32_t sample;
    float amp_mv;
    float probs[HW_N_CLASSES];
    uint8_t aami, final;
} hw_answer;

/* The beat that waits for its final answer. */
typedef struct {
    float window[HW_WINDOW];
    uint32_t sample;
    float amp_mv;
    uint16_t since;
    uint8_t waits, readable;
} hw_open;

#if HW_FUSION

/* The newest RR intervals [s], a ring, and the last one of all; 0: not known. */
typedef struct {
    float rr_s[HW_N_INTERVALS];
    float last_s;
    uint8_t n, at;
    uint8_t begun; /* there was an R-peak since samples were lost */
} hw_intervals;

/* Can the lead be read: an opinion a second on the newest four seconds. */
typedef struct {
    float sqi;
    uint16_t wait;
    uint8_t noisy; /* the last four opinions, a bit each */
    uint8_t unreadable;
    uint8_t looks; /* until there are four seconds */
} hw_quality;

/* What the fusion remembers of the patient: hidden units and the row before. */
typedef struct {
    float h[HW_FUSION_HIDDEN];
    float before[HW_FUSION_INPUTS];
    hw_intervals intervals;
    hw_quality quality;
} hw_fuser;

#else

/* What the networks said of the beat that waits. */
typedef struct {
    float log_probs[HW_N_CLASSES];
} hw_fuser;

#endif

/* One patient. */
typedef struct {
    hw_resampler resampler;
    hw_filters filters;
    double last_shift; /* of the R-peak before, */
    uint32_t last_at;  /* and its sample */
    uint32_t n;        /* filtered samples so far, mod 2^32 */
    float ring[HW_RING];
    hw_gru gru;
    hw_detector detector;
    hw_sizes sizes;
    hw_template usual;
    hw_open open;
    hw_fuser fuser;
    uint8_t tick;
#if HW_RHYTHM
    uint16_t rhythm_wait;
#endif
} hw_state;

/* What the window networks and the quality need while they run; one for all patients. */
typedef union {
    struct {
        int8_t even[HW_RHYTHM ? HW_EVEN_BOTH : HW_EVEN], odd[HW_RHYTHM ? HW_ODD_BOTH : HW_ODD];
    } layers;
#if HW_FUSION || HW_RHYTHM
    float work[HW_WORK];
#endif
} hw_scratch;

/* A patient never seen.  Call it before anything else. */
void hw_start(hw_state *s);

/* Samples were lost: the same patient, cold states.  The template stays. */
void hw_restart(hw_state *s);

/* One sample [mV] all the way: gives how many answers there are in `out`, the one about the older beat first. */
int hw_step(hw_state *s, float mv, hw_scratch *scratch, hw_answer out[2]);

/* The final answer of a beat that nothing will follow, because samples are missing: gives 1 if there is one, else 0.  No
 * interval leads over what is missing. */
int hw_flush(hw_state *s, hw_answer *out);

#if HW_RHYTHM
/* To be asked after every hw_step: once a second gives 1 and fills `probs`, what the rhythm network says of the newest
 * window, HW_RHYTHM_* says of what; else 0. */
int hw_rhythm(hw_state *s, hw_scratch *scratch, float probs[HW_N_RHYTHMS]);
#endif

/* The parts of hw_step.
 *
 * One sample as it came; returns 1, and fills `out`, when it completes one at HW_FS. */
int hw_resample(hw_resampler *s, float mv, double *out);

/* One sample at HW_FS [mV].  Fills the GRU's logits: [0] a QRS HW_QRS_DELAY samples ago; [1..] its class HW_CLASS_DELAY
 * samples after the R-peak; then the class of the beat before.  Returns 1, and fills `peak`, when an R-peak is
 * decided, else 0.  One that was missed is decided a sample before the next beat, up to 3 s late. */
int hw_push(hw_state *s, double mv, float logits[HW_N_LOGITS], hw_peak *peak);

/* The parts of hw_push: filters and clip; a step of the GRU; the R-peak logic, which returns the maximum that was
 * decided, or 0.  It asks `is_qrs`, where there is one, about every maximum before it is a beat. */
double hw_filter(hw_filters *s, double mv);
void hw_gru_step(hw_gru *s, float mv, float logits[HW_N_LOGITS]);
const hw_top *hw_detect(hw_detector *s, const float logits[HW_N_LOGITS], int (*is_qrs)(void *, uint32_t), void *of);

/* The filtered lead round an R-peak that hw_push has just given, HW_BEFORE samples before it. */
void hw_window(const hw_state *s, const hw_peak *peak, float window[HW_WINDOW]);

/* What the network sees of a beat, over the patient's scale: the window, the template and their difference. */
void hw_beat_image(const hw_state *s, const float window[HW_WINDOW], int8_t image[HW_WINDOW * HW_N_CHANNELS]);

/* The beat network: logits, HW_CLASS_* says of what. */
void hw_beat_cnn(const int8_t image[HW_WINDOW * HW_N_CHANNELS], hw_scratch *scratch, float logits[HW_N_CLASSES]);

/* Takes a beat that was called normal into the template, if it looks like it. */
void hw_learn(hw_state *s, const float window[HW_WINDOW]);

#endif
