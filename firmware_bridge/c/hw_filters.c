/* Biquads in a row, from the GRU's manifest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heartwire.h"

static double run(hw_biquad *s, const double c[5], double x)
{
    double y = c[0] * x + s->z1;
    s->z1 = c[1] * x - c[3] * y + s->z2;
    s->z2 = c[2] * x - c[4] * y;
    return y;
}

/* The state as it would be had `x` come for ever. */
static double settle(hw_biquad *s, const double c[5], double x)
{
    double y = (c[0] + c[1] + c[2]) / (1.0 + c[3] + c[4]) * x;
    s->z2 = c[2] * x - c[4] * y;
    s->z1 = c[1] * x - c[3] * y + s->z2;
    return y;
}

double hw_filter(hw_filters *s, double mv)
{
    for (int k = 0; k < HW_N_SECTIONS; k++)
        mv = s->warm ? run(&s->section[k], hw_sos[k], mv) : settle(&s->section[k], hw_sos[k], mv);
    s->warm = 1;
    return mv > HW_CLIP_MV ? HW_CLIP_MV : (mv < -HW_CLIP_MV ? -HW_CLIP_MV : mv);
}
