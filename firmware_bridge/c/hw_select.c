/* The k-th smallest of many, without sorting them (Hoare, 1961).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hw_layers.h"

#if HW_FUSION || HW_RHYTHM

float hw_select(float *x, int n, int k)
{
    for (int low = 0, high = n - 1; low < high;) {
        float middle = x[low + (high - low) / 2];
        int a = low, b = high;
        while (a <= b) {
            for (; x[a] < middle; a++)
                ;
            for (; x[b] > middle; b--)
                ;
            if (a <= b) {
                float held = x[a];
                x[a++] = x[b];
                x[b--] = held;
            }
        }
        if (k <= b)
            high = b;
        else if (k >= a)
            low = a;
        else
            break;
    }
    return x[k];
}

#endif
