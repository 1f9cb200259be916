/* The recurrent part of a GRU layer, forwards and backwards, for training on a CPU.
 *
 * Sizes are fixed when it is compiled: H units (a multiple of 16). Gates stand in PyTorch's order: r, z, n.
 * Rows (patients' strips) are independent; each is walked through time with its state in the first-level cache, which is
 * what a general library, working step by step on all rows, cannot do. gru_layer.py compiles and calls it.
 */
#include <math.h>
#include <string.h>

#ifndef H
#define H 64
#endif
#define G (3 * H)
#define LANES 16
#define ROWS 2   /* walked through time side by side */
#define CHAINS 4 /* independent sums: a sum waits for its last addition */
#define TILE 6

#define UNROLLED _Pragma("GCC unroll 64")

/* e^80 and its reciprocal are ordinary numbers: an infinite one would come back from a division as no number at all,
 * for fast mathematics divides by an estimate that is made better. */
#define BOUNDED_EXP(x) expf((x) < MOST ? (x) : MOST)
#define MOST 80.0f

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

/* gi (rows, n, G): input part of the gates, biases in it. wt (H, G): recurrent weights, transposed; bh (G): their bias.
 * h (rows, n + 1, H): state; [., 0, .] is given, the rest is written. kept (rows, n, 4 H): r, z, n and the recurrent
 * part of n, for the way back. */
void gru_forward(int rows, int n, const float *gi, const float *wt, const float *bh, float *h, float *kept)
{
    for (int b = 0; b < rows; b += ROWS) {
        int most = rows - b < ROWS ? rows - b : ROWS;
        for (int t = 0; t < n; t++) {
            float gh[ROWS][G];
            const float *before[ROWS];
            lanes sum[ROWS][G / LANES];
            for (int i = 0; i < ROWS; i++) {
                before[i] = h + ((size_t)(b + (i < most ? i : 0)) * (n + 1) + t) * H;
                for (int j = 0; j < G / LANES; j++) sum[i][j] = ((const lanes *)bh)[j];
            }
            for (int k = 0; k < H; k++) {
                const lanes *w = (const lanes *)(wt + (size_t)k * G);
                UNROLLED for (int j = 0; j < G / LANES; j++)
                    UNROLLED for (int i = 0; i < ROWS; i++) sum[i][j] += before[i][k] * w[j];
            }
            memcpy(gh, sum, sizeof gh);
            for (int i = 0; i < most; i++) {
                size_t at = (size_t)(b + i) * n + t;
                const float *restrict in = gi + at * G, *restrict old = before[i];
                float *restrict kept_now = kept + at * 4 * H;
                float *restrict r = kept_now, *restrict z = r + H, *restrict c = z + H, *restrict hn = c + H;
                float *restrict new = h + ((size_t)(b + i) * (n + 1) + t + 1) * H;
                const float *restrict rec = gh[i];
                for (int j = 0; j < H; j++) {
                    r[j] = 1.0f / (1.0f + BOUNDED_EXP(-(in[j] + rec[j])));
                    z[j] = 1.0f / (1.0f + BOUNDED_EXP(-(in[H + j] + rec[H + j])));
                    hn[j] = rec[2 * H + j];
                    c[j] = 1.0f - 2.0f / (1.0f + BOUNDED_EXP(2.0f * (in[2 * H + j] + r[j] * hn[j])));
                    new[j] = c[j] + z[j] * (old[j] - c[j]);
                }
            }
        }
    }
}

/* sum (G, H) += slopes (n, G), transposed, times h (n, H): a tile of it in registers while all steps pass. */
static void add_products(int n, const float *restrict slopes, const float *restrict h, float *restrict sum)
{
    for (int k = 0; k < G; k += TILE) {
        lanes tile[TILE][H / LANES];
        for (int i = 0; i < TILE; i++)
            for (int j = 0; j < H / LANES; j++) tile[i][j] = ((const lanes *)(sum + (size_t)(k + i) * H))[j];
        for (int t = 0; t < n; t++) {
            const lanes *row = (const lanes *)(h + (size_t)t * H);
            const float *slope = slopes + (size_t)t * G + k;
            UNROLLED for (int j = 0; j < H / LANES; j++)
                UNROLLED for (int i = 0; i < TILE; i++) tile[i][j] += slope[i] * row[j];
        }
        for (int i = 0; i < TILE; i++)
            for (int j = 0; j < H / LANES; j++) ((lanes *)(sum + (size_t)(k + i) * H))[j] = tile[i][j];
    }
}

/* dy (rows, n, H): slope of the loss on every state. w (G, H): recurrent weights. h, kept: of the way forward.
 * Written: dgi (rows, n, G), slope on gi; dh (rows, H), slope on the first state, which begins as the slope on the last
 * one beyond dy. Added to: dw (G, H) and db (G), slopes on the recurrent weights and their bias. slopes (n, G) is room
 * to work in: the slopes on the recurrent part of the gates. */
void gru_backward(int rows, int n, const float *dy, const float *w, const float *h, const float *kept, float *dgi,
                  float *dh, float *dw, float *db, float *slopes)
{
    for (int b = 0; b < rows; b++) {
        const float *states = h + (size_t)b * (n + 1) * H;
        float *restrict carried = dh + (size_t)b * H;
        for (int t = n - 1; t >= 0; t--) {
            size_t at = (size_t)b * n + t;
            const float *restrict r = kept + at * 4 * H, *restrict z = r + H, *restrict c = z + H;
            const float *restrict hn = c + H, *restrict old = states + (size_t)t * H, *restrict up = dy + at * H;
            float *restrict out = dgi + at * G, *restrict gates = slopes + (size_t)t * G;
            for (int j = 0; j < H; j++) {
                float d = up[j] + carried[j];
                float da = d * (1.0f - z[j]) * (1.0f - c[j] * c[j]);
                float dr = da * hn[j] * r[j] * (1.0f - r[j]);
                float dz = d * (old[j] - c[j]) * z[j] * (1.0f - z[j]);
                out[j] = gates[j] = dr;
                out[H + j] = gates[H + j] = dz;
                out[2 * H + j] = da;
                gates[2 * H + j] = da * r[j];
                carried[j] = d * z[j];
            }
            lanes sum[CHAINS][H / LANES];
            memset(sum, 0, sizeof sum);
            for (int k = 0; k < G; k += CHAINS) {
                const lanes *row = (const lanes *)(w + (size_t)k * H);
                UNROLLED for (int i = 0; i < CHAINS; i++)
                    UNROLLED for (int j = 0; j < H / LANES; j++) sum[i][j] += gates[k + i] * row[i * (H / LANES) + j];
            }
            for (int i = 0; i < CHAINS; i++)
                for (int j = 0; j < H / LANES; j++) ((lanes *)carried)[j] += sum[i][j];
        }
        add_products(n, slopes, states, dw);
        for (int t = 0; t < n; t++)
            for (int j = 0; j < G; j++) db[j] += slopes[(size_t)t * G + j];
    }
}
