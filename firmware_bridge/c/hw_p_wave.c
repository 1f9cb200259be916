/* Is a deflection a QRS, or a P-wave that the GRU took for one?  Why so, edge/p_wave.py says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "hw_p_wave.h"

#define SMALL 0.4   /* of the usual range, */
#define SMOOTH 0.28 /* and of its own range from one sample to the next: both are a P-wave's */
#define FLAT 0.19   /* of the usual steepest step: a P-wave's, whatever its shape */
#define LEAST_MV 0.15
#define KNOWN 4u
#define MEMORY 8.0
#define MOST_REFUSED 64u

static int is_p_wave(const hw_sizes *s, double range_mv, double steepest_mv)
{
    int smooth = steepest_mv < SMOOTH * range_mv;
    if (s->n >= KNOWN && range_mv < SMALL * s->usual_mv)
        return smooth || steepest_mv < FLAT * s->usual_steep_mv;
    return smooth && range_mv < LEAST_MV;
}

static double towards(double usual, double x)
{
    return usual + ((x < 2.0 * usual ? x : 2.0 * usual) - usual) / MEMORY;
}

static void learn(hw_sizes *s, double range_mv, double steepest_mv)
{
    if (!s->n) {
        s->usual_mv = range_mv;
        s->usual_steep_mv = steepest_mv;
    }
    s->usual_mv = towards(s->usual_mv, range_mv);
    s->usual_steep_mv = towards(s->usual_steep_mv, steepest_mv);
    if (s->n < KNOWN)
        s->n++;
}

static int refuse(hw_sizes *s)
{
    if (++s->refused >= MOST_REFUSED) {
        s->usual_mv = s->usual_steep_mv = 0.0;
        s->n = s->refused = 0;
    }
    return 0;
}

int hw_is_qrs(hw_sizes *s, const float wave[HW_WAVE])
{
    double last = 0.0, least = 0.0, most = 0.0, steepest = 0.0;
    for (int k = 0; k < HW_WAVE - 2; k++) {
        double three = (double)wave[k] + (double)wave[k + 1] + (double)wave[k + 2];
        if (!k)
            last = least = most = three;
        double step = fabs(three - last);
        steepest = step > steepest ? step : steepest;
        least = three < least ? three : least;
        most = three > most ? three : most;
        last = three;
    }
    double range_mv = (most - least) / 3.0, steepest_mv = steepest / 3.0;
    if (is_p_wave(s, range_mv, steepest_mv))
        return refuse(s);
    s->refused = 0;
    learn(s, range_mv, steepest_mv);
    return 1;
}
