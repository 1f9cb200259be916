/* Whether the filtered lead round an R-peak, from HW_WAVE_BEFORE samples before it, holds a QRS or only a P-wave.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HW_P_WAVE_H
#define HW_P_WAVE_H

#include "heartwire.h"

#define HW_WAVE_BEFORE 12u
#define HW_WAVE 21

int hw_is_qrs(hw_sizes *s, const float wave[HW_WAVE]);

#endif
