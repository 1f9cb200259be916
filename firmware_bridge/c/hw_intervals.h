/* RR intervals of one patient, as edge's intervals.py keeps them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HW_INTERVALS_H
#define HW_INTERVALS_H

#include "heartwire.h"

#if HW_FUSION

/* Takes the interval of the newest beat, 0 where it has none, once the beat has been looked at. */
void hw_intervals_keep(hw_intervals *s, float rr_s);

/* Mean of the newest `of` intervals, or of fewer [s]; 0 where there are fewer than `least`. */
float hw_intervals_mean(const hw_intervals *s, uint8_t of, uint8_t least);

/* Standard deviation of the newest `of` over their mean, at most 1; 0 with fewer than three. */
float hw_intervals_spread(const hw_intervals *s, uint8_t of);

/* Mean and root mean square of the sizes of neighbours' log ratios; gives 0 with fewer than `least` intervals. */
int hw_intervals_irregular(const hw_intervals *s, uint8_t least, float *mean, float *rms);

#endif
#endif
