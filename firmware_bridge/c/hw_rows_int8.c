/* A table of int8 weights times a vector, which is made int16; on a Cortex-M4 three rows at a time, by its own
 * instructions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hw_rows.h"

#if HW_GRU_INT8

#define AT_ONCE 3 /* rows */
#define WIDEST ((HW_WIDEST + 3) / 4 * 4)
#define LARGEST 32767.0f

static uint32_t bits_of(float value)
{
    union {
        float value;
        uint32_t bits;
    } u = {value};
    return u.bits;
}

/* To the nearest integer: a float of this size has no bits behind the point. */
static int16_t nearest(float value)
{
    return (int16_t)(bits_of(value + 12582912.0f) & 0xFFFFu);
}

/* Integers of a vector, and what one of them is worth.  Four of them lie in the order 0 2 1 3, in which a Cortex-M4
 * takes four weights apart. */
static float quanta(const float *x, int32_t n, int16_t *q)
{
    uint32_t top_bits = 0x0DA24260u; /* 1e-30 */
    float top, per;
    int32_t k = 0;
    for (; k < n; k++) {
        uint32_t bits = bits_of(x[k]) & 0x7FFFFFFFu; /* sizes of floats are in the order of their bits */
        top_bits = bits > top_bits ? bits : top_bits;
    }
    union {
        uint32_t bits;
        float value;
    } u = {top_bits};
    top = u.value < 1e30f ? u.value : 1e30f;
    per = LARGEST / top;
    for (k = 0; k + 4 <= n; k += 4, q += 4) {
        q[0] = nearest(x[k] * per);
        q[1] = nearest(x[k + 2] * per);
        q[2] = nearest(x[k + 1] * per);
        q[3] = nearest(x[k + 3] * per);
    }
    if (k < n) {
        q[0] = nearest(x[k] * per);
        q[1] = k + 2 < n ? nearest(x[k + 2] * per) : 0;
        q[2] = k + 1 < n ? nearest(x[k + 1] * per) : 0;
        q[3] = 0;
    }
    return top / LARGEST;
}

static int32_t dot(const hw_weight *w, int32_t n, const int16_t *x)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < n; k += 4)
        sum += w[k] * x[k] + w[k + 2] * x[k + 1] + w[k + 1] * x[k + 2] + w[k + 3] * x[k + 3];
    return sum;
}

#if defined(__ARM_FEATURE_DSP)

#define FOUR(sum)                                                                                                      \
    "sxtb16 %[t], %[w]\n sxtb16 %[w], %[w], ror #8\n"                                                                  \
    "smlad " sum ", %[t], %[x0], " sum "\n smlad " sum ", %[w], %[x1], " sum "\n"

/* n is a multiple of 4. */
static void rows(const hw_weight *a, int32_t n, const int16_t *x, int32_t *sum)
{
    int32_t sa = 0, sb = 0, sc = 0, left = n;
    uint32_t w, t;
    register uint32_t x0 __asm__("r2"), x1 __asm__("r3"); /* a pair that one instruction loads */
    __asm__ volatile("1:\n"
                     "ldrd %[x0], %[x1], [%[x]], #8\n"
                     "ldr %[w], [%[a], %[n]]\n" FOUR("%[sb]")
                     "ldr %[w], [%[a], %[n], lsl #1]\n" FOUR("%[sc]")
                     "ldr %[w], [%[a]], #4\n" FOUR("%[sa]")
                     "subs %[left], %[left], #4\n"
                     "bne 1b\n"
                     : [a] "+&r"(a), [x] "+&r"(x), [sa] "+&r"(sa), [sb] "+&r"(sb), [sc] "+&r"(sc),
                       [left] "+&r"(left), [w] "=&r"(w), [t] "=&r"(t), [x0] "=&r"(x0), [x1] "=&r"(x1)
                     : [n] "r"(n)
                     : "cc", "memory");
    sum[0] = sa;
    sum[1] = sb;
    sum[2] = sc;
}

#else

static void rows(const hw_weight *w, int32_t n, const int16_t *x, int32_t *sum)
{
    for (int32_t k = 0; k < AT_ONCE; k++)
        sum[k] = dot(w + k * n, n, x);
}

#endif

void hw_rows(const hw_table *table, const float *x, float *out)
{
    union {
        int16_t values[WIDEST];
        uint32_t aligned;
    } q;
    int32_t sum[AT_ONCE];
    const int32_t n = (table->n + 3) / 4 * 4;
    const hw_weight *weight = table->weight;
    const float *bias = table->bias, *scale = table->scale, unit = quanta(x, table->n, q.values);
    int32_t left = table->n_rows;

    for (; left >= AT_ONCE; left -= AT_ONCE, weight += AT_ONCE * n) {
        rows(weight, n, q.values, sum);
        for (int32_t k = 0; k < AT_ONCE; k++)
            *out++ = *bias++ + (float)sum[k] * (unit * *scale++);
    }
    for (; left > 0; left--, weight += n)
        *out++ = *bias++ + (float)dot(weight, n, q.values) * (unit * *scale++);
}

#endif
