/* R-peaks: local maxima of the QRS logit, decided a fixed time later.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heartwire.h"

#define REFRACTORY 25u /* samples, 200 ms: no two beats are closer (Pan and Tompkins, 1985) */

uint32_t hw_detect(hw_detector *s, float logit, float *height)
{
    if (s->since_taken < HW_LONG_AGO)
        s->since_taken++;
    if (s->since_candidate)
        s->since_candidate++;
    if (s->last > HW_QRS_LOGIT && s->last >= s->before && s->last > logit && s->since_taken > REFRACTORY &&
        (!s->since_candidate || s->last > s->height)) {
        s->since_candidate = 1; /* the maximum was the sample before this one */
        s->height = s->last;
    }
    s->before = s->last;
    s->last = logit;
    if (s->since_candidate < HW_WAIT)
        return 0;
    uint32_t age = s->since_candidate;
    *height = s->height;
    s->since_taken = age;
    s->since_candidate = 0;
    return age;
}
