/* From the device's rate, a whole multiple, to the models'.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "heartwire.h"

int hw_resample(hw_resampler *s, float mv, double *out)
{
    if (!s->warm) { /* as if the first sample had come for ever */
        for (int k = 0; k < HW_N_TAPS; k++)
            s->window[k] = mv;
        s->wait = HW_N_TAPS / 2 + 1;
        s->warm = 1;
    }
    for (int k = 1; k < HW_N_TAPS; k++)
        s->window[k - 1] = s->window[k];
    s->window[HW_N_TAPS - 1] = mv;
    if (--s->wait)
        return 0;
    s->wait = HW_STEP;
    double sum = 0.0;
    for (int k = 0; k < HW_N_TAPS; k++)
        sum += hw_taps[k] * (double)s->window[k];
    *out = sum;
    return 1;
}
