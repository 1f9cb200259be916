/* A table of int8 weights times a vector of int16; on a Cortex-M4 four rows at a time, by its own instructions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hw_rows.h"

#if HW_GRU_INT8

#define AT_ONCE 4 /* rows */
#define LARGEST 32767.0f

typedef union {
    float value;
    uint32_t bits;
} number;

static float largest(const float *x, int32_t n)
{
    number top = {1e-30f};
    for (int32_t k = 0; k < n; k++) {
        number size = {x[k]};
        size.bits &= 0x7FFFFFFFu; /* sizes of floats are in the order of their bits */
        top.bits = size.bits > top.bits ? size.bits : top.bits;
    }
    return top.value < 1e30f ? top.value : 1e30f;
}

float hw_values(const float *x, int32_t n, float most, hw_value *out)
{
    if (most <= 0.0f)
        most = largest(x, n);
    const float per = LARGEST / most;
    for (int32_t k = 0; k < n; k++) { /* to the nearest: a float of this size has no bits behind the point */
        number near = {x[k] * per + 12582912.0f};
        out[k] = (int16_t)(near.bits & 0xFFFFu);
    }
    return most / LARGEST;
}

typedef struct {
    const float *scale, *bias;
    float *out, *end;
    uint32_t size; /* of the vector, in bytes */
} job;

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP) && defined(__thumb2__)

#define ROW(w, sum)                                                                                                    \
    "sxtb16 r12, " w "\n sxtb16 " w ", " w ", ror #8\n"                                                                \
    "smlad " sum ", r12, r2, " sum "\n smlad " sum ", " w ", r3, " sum "\n"
#define FOUR                                                                                                           \
    "ldmia r0!, {r4-r7}\n ldmia r1!, {r2, r3}\n" ROW("r4", "r8") ROW("r5", "r9") ROW("r6", "r10") ROW("r7", "r11")

/* Fours of rows up to j->end.  All registers of the core are in use: weights r0, r4 to r7, vector r1 to r3, sums r8 to
 * r11, end of the vector lr. */
static void fours(const hw_weight *weight, const hw_value *x, float unit, job *j)
{
    register const hw_weight *w __asm__("r0") = weight;
    register const hw_value *v __asm__("r1") = x;
    register job *with __asm__("r3") = j;
    __asm__ volatile("push {r2-r11, lr}\n"
                     "ldr lr, [r3, #16]\n"
                     "add lr, r1, lr\n"
                     "1:\n"
                     "mov r8, #0\n mov r9, #0\n mov r10, #0\n mov r11, #0\n"
                     "2:\n" FOUR FOUR FOUR FOUR
                     "cmp r1, lr\n"
                     "bne 2b\n"
                     "vmov s0, s1, r8, r9\n vmov s2, s3, r10, r11\n"
                     "ldr r12, [sp, #4]\n"
                     "ldmia r12, {r2-r6}\n"
                     "vldmia r2!, {s4-s7}\n vldmia r3!, {s8-s11}\n"
                     "vcvt.f32.s32 s0, s0\n vcvt.f32.s32 s1, s1\n vcvt.f32.s32 s2, s2\n vcvt.f32.s32 s3, s3\n"
                     "vmul.f32 s4, s4, %[unit]\n vmul.f32 s5, s5, %[unit]\n"
                     "vmul.f32 s6, s6, %[unit]\n vmul.f32 s7, s7, %[unit]\n"
                     "vfma.f32 s8, s0, s4\n vfma.f32 s9, s1, s5\n vfma.f32 s10, s2, s6\n vfma.f32 s11, s3, s7\n"
                     "vstmia r4!, {s8-s11}\n"
                     "stmia r12, {r2-r4}\n"
                     "sub r1, lr, r6\n"
                     "cmp r4, r5\n"
                     "bne 1b\n"
                     "pop {r2-r11, lr}\n"
                     : [w] "+&r"(w), [v] "+&r"(v)
                     : [with] "r"(with), [unit] "t"(unit)
                     : "cc", "memory", "r12", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11");
}

#else

static void fours(const hw_weight *w, const hw_value *x, float unit, job *j)
{
    const int32_t n = (int32_t)(j->size / sizeof *x);
    while (j->out != j->end) {
        int32_t sum[AT_ONCE] = {0};
        for (int32_t k = 0; k < n; k += 4)
            for (int32_t row = 0; row < AT_ONCE; row++, w += 4)
                sum[row] += w[0] * x[k] + w[2] * x[k + 1] + w[1] * x[k + 2] + w[3] * x[k + 3];
        for (int32_t row = 0; row < AT_ONCE; row++)
            *j->out++ = *j->bias++ + (float)sum[row] * (unit * *j->scale++);
    }
}

#endif

void hw_rows(const hw_table *table, const hw_value *x, float unit, float *out)
{
    const int32_t left = table->n_rows % AT_ONCE, whole = table->n_rows - left;
    float last[AT_ONCE];
    job j = {table->scale, table->bias, out, out + whole, (uint32_t)table->n * sizeof *x};

    if (whole)
        fours(table->weight, x, unit, &j);
    if (left) {
        j.out = last;
        j.end = last + AT_ONCE;
        fours(table->weight + whole * table->n, x, unit, &j);
        for (int32_t k = 0; k < left; k++)
            out[whole + k] = last[k];
    }
}

#endif
