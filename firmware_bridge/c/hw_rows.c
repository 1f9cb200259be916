/* A table of floats times a vector; on a Cortex-M4F four rows at a time, by its own instructions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hw_rows.h"

#if !HW_GRU_INT8

#define AT_ONCE 4 /* rows */

/* Four sums at a time: a multiply-add need not wait for the one before it. */
static float dot(const float *w, const float *x, int32_t n)
{
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
    int32_t k = 0;
    for (; k + 4 <= n; k += 4) {
        s0 += w[k] * x[k];
        s1 += w[k + 1] * x[k + 1];
        s2 += w[k + 2] * x[k + 2];
        s3 += w[k + 3] * x[k + 3];
    }
    for (; k < n; k++)
        s0 += w[k] * x[k];
    return (s0 + s1) + (s2 + s3);
}

#if defined(__ARM_ARCH_7EM__) && defined(__ARM_FP)

#define EIGHT(sum)                                                                                                     \
    "vfma.f32 " sum ", s0, s8\n vfma.f32 " sum ", s1, s9\n vfma.f32 " sum ", s2, s10\n vfma.f32 " sum ", s3, s11\n"    \
    "vfma.f32 " sum ", s4, s12\n vfma.f32 " sum ", s5, s13\n vfma.f32 " sum ", s6, s14\n vfma.f32 " sum ", s7, s15\n"

/* Gives where the next four rows begin. */
static inline const float *rows(const float *a, int32_t n, const float *x, const float *bias, float *out)
{
    const float *b = a + n, *c = b + n, *d = c + n;
    int32_t left = n & ~7;
    if (left)
        __asm__ volatile("vldmia %[bias], {s16-s19}\n"
                         "1:\n"
                         "vldmia %[x]!, {s0-s7}\n"
                         "vldmia %[a]!, {s8-s15}\n" EIGHT("s16")
                         "vldmia %[b]!, {s8-s15}\n" EIGHT("s17")
                         "vldmia %[c]!, {s8-s15}\n" EIGHT("s18")
                         "vldmia %[d]!, {s8-s15}\n" EIGHT("s19")
                         "subs %[left], %[left], #8\n"
                         "bne 1b\n"
                         "vstmia %[out], {s16-s19}\n"
                         : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d), [x] "+&r"(x), [left] "+&r"(left)
                         : [out] "r"(out), [bias] "r"(bias)
                         : "cc", "memory", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11",
                           "s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19");
    else
        for (int32_t k = 0; k < AT_ONCE; k++)
            out[k] = bias[k];
    for (left = n & 7; left > 0; left--, x++) {
        out[0] += *a++ * *x;
        out[1] += *b++ * *x;
        out[2] += *c++ * *x;
        out[3] += *d++ * *x;
    }
    return d;
}

#else

static const float *rows(const float *w, int32_t n, const float *x, const float *bias, float *out)
{
    for (int32_t k = 0; k < AT_ONCE; k++, w += n)
        out[k] = bias[k] + dot(w, x, n);
    return w;
}

#endif

float hw_values(const float *x, int32_t n, float most, hw_value *out)
{
    (void)most;
    for (int32_t k = 0; k < n; k++)
        out[k] = x[k];
    return 1.0f;
}

void hw_rows(const hw_table *table, const hw_value *x, float unit, float *out)
{
    const float *weight = table->weight, *bias = table->bias;
    const int32_t n = table->n;
    int32_t left = table->n_rows;
    (void)unit;

    for (; left >= AT_ONCE; left -= AT_ONCE, out += AT_ONCE, bias += AT_ONCE)
        weight = rows(weight, n, x, bias, out);
    for (; left > 0; left--, weight += n)
        *out++ = *bias++ + dot(weight, x, n);
}

#endif
