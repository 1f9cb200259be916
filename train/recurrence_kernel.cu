/* The recurrent part of many recurrent layers of one shape, forwards and backwards, on a GPU.
 *
 * GATES is 3 for a GRU (r, z, n), 4 for an LSTM (i, f, g, o), 1 for a vanilla RNN with tanh; in PyTorch's order and by
 * its equations. H units. A block walks ROWS rows of one network through time: a thread holds one row of the recurrent
 * weights in registers, the states stand in shared memory, and what the next step reads is asked for one step ahead.
 * train/recurrence.py compiles and calls it.
 */
#ifdef EMULATED
#include EMULATED
#else
#include <cuda_runtime.h>
#define CALL(kernel, grid, threads, stream, ...) kernel<<<grid, threads, 0, (cudaStream_t)stream>>>(__VA_ARGS__)
#define FAILED() (int)cudaGetLastError()
#endif

#define THREADS (GATES * H)
#define ROWS 4
#define KEPT (GATES == 3 ? 4 : GATES == 4 ? 5 : 1)
#define TURNS ((ROWS * H + THREADS - 1) / THREADS)

static __device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* gi (nets, rows, n, GATES H): input part of the gates, biases in it. w (nets, GATES H, H), b (nets, GATES H): recurrent
 * weights and their bias. h (nets, rows, n + 1, H): states; [., ., 0, .] is given. kept (nets, rows, n, KEPT, H): for the
 * way back: r, z, n and the recurrent part of n; i, f, g, o and the cell; nothing. */
__global__ void __launch_bounds__(THREADS)
forward(int rows, int n, const float *gi, const float *w, const float *b, float *h,
                                                   float *kept)
{
    __shared__ __align__(16) float state[ROWS][H], sums[ROWS][THREADS], given[ROWS][H];
    const int net = blockIdx.y, first = blockIdx.x * ROWS, j = threadIdx.x;
    float mine[H], next[ROWS], cell[TURNS];
    size_t base[ROWS];
    for (int k = 0; k < H; k++) mine[k] = w[((size_t)net * THREADS + j) * H + k];
    const float bias = b[(size_t)net * THREADS + j];
    for (int i = 0; i < ROWS; i++) {
        int row = first + i < rows ? first + i : rows - 1;
        base[i] = (size_t)net * rows + row;
        next[i] = gi[base[i] * n * THREADS + j];
        if (j < H) state[i][j] = h[base[i] * (n + 1) * H + j];
    }
    for (int i = 0; i < TURNS; i++) cell[i] = 0.0f;
    __syncthreads();
    for (int t = 0; t < n; t++) {
        float sum[ROWS];
        for (int i = 0; i < ROWS; i++) sum[i] = bias;
#pragma unroll
        for (int k = 0; k < H; k += 4) {
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
                const float *s = &state[i][k];
                sum[i] += mine[k] * s[0];
                sum[i] += mine[k + 1] * s[1];
                sum[i] += mine[k + 2] * s[2];
                sum[i] += mine[k + 3] * s[3];
            }
        }
        for (int i = 0; i < ROWS; i++) {
            if (GATES == 3 && j >= 2 * H) {
                given[i][j - 2 * H] = next[i];
                sums[i][j] = sum[i];
            } else
                sums[i][j] = sum[i] + next[i];
            if (t + 1 < n) next[i] = gi[(base[i] * n + t + 1) * THREADS + j];
        }
        __syncthreads();
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            int e = turn * THREADS + j, i = e / H, u = e % H;
            if (e >= ROWS * H) break;
            const float *s = sums[i];
            size_t row = (size_t)net * rows + first + i;
            float *keep = kept + ((row * n + t) * KEPT) * H + u;
            bool there = first + i < rows;
            float now;
            if (GATES == 3) {
                float r = sigmoid(s[u]), z = sigmoid(s[H + u]), hn = s[2 * H + u];
                float c = tanhf(given[i][u] + r * hn), old = state[i][u];
                now = c + z * (old - c);
                if (there) keep[0] = r, keep[H] = z, keep[2 * H] = c, keep[3 * H] = hn;
            } else if (GATES == 4) {
                float in = sigmoid(s[u]), f = sigmoid(s[H + u]), g = tanhf(s[2 * H + u]), o = sigmoid(s[3 * H + u]);
                cell[turn] = f * cell[turn] + in * g;
                now = o * tanhf(cell[turn]);
                if (there) keep[0] = in, keep[H] = f, keep[2 * H] = g, keep[3 * H] = o, keep[4 * H] = cell[turn];
            } else
                now = tanhf(s[u]);
            state[i][u] = now;
            if (there) h[(row * (n + 1) + t + 1) * H + u] = now;
        }
        __syncthreads();
    }
}

/* dy (nets, rows, n, H): slope of the loss on every state. dh (nets, rows, H): slope on the last state beyond dy; written:
 * that on the first. dgi (nets, rows, n, GATES H): slope on gi. The rest as above. */
__global__ void __launch_bounds__(THREADS)
backward(int rows, int n, const float *dy, const float *w, const float *h,
                                                    const float *kept, float *dgi, float *dh)
{
    __shared__ __align__(16) float slopes[ROWS][THREADS], parts[ROWS][THREADS];
    const int net = blockIdx.y, first = blockIdx.x * ROWS, j = threadIdx.x, part = j / H, unit = j % H;
    float mine[H], carried[TURNS], dcell[TURNS];
    /* what a step reads: dy, the state before, KEPT values and, of an LSTM, the cell before */
    float up[TURNS], before[TURNS], cell_before[TURNS], keep[TURNS][KEPT];
    for (int q = 0; q < H; q++) mine[q] = w[((size_t)net * THREADS + part * H + q) * H + unit];
#define READ(t)                                                                                              \
    for (int turn = 0; turn < TURNS; turn++) {                                                               \
        int e = turn * THREADS + j, i = e / H, u = e % H;                                                    \
        if (e >= ROWS * H) break;                                                                            \
        size_t row = (size_t)net * rows + (first + i < rows ? first + i : rows - 1);                          \
        up[turn] = dy[(row * n + (t)) * H + u];                                                              \
        before[turn] = h[(row * (n + 1) + (t) + (GATES == 1)) * H + u];                                      \
        if (GATES == 4) cell_before[turn] = (t) ? kept[((row * n + (t) - 1) * KEPT + 4) * H + u] : 0.0f;     \
        if (GATES != 1)                                                                                      \
            for (int k = 0; k < KEPT; k++) keep[turn][k] = kept[((row * n + (t)) * KEPT + k) * H + u];       \
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int e = turn * THREADS + j, i = e / H, u = e % H;
        bool there = e < ROWS * H && first + i < rows;
        carried[turn] = there ? dh[((size_t)net * rows + first + i) * H + u] : 0.0f;
        dcell[turn] = 0.0f;
    }
    READ(n - 1)
    for (int t = n - 1; t >= 0; t--) {
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            int e = turn * THREADS + j, i = e / H, u = e % H;
            if (e >= ROWS * H) break;
            float *s = slopes[i];
            size_t row = (size_t)net * rows + first + i;
            float *out = dgi + (row * n + t) * THREADS + u;
            bool there = first + i < rows;
            float d = up[turn] + carried[turn];
            const float *k = keep[turn];
            if (GATES == 3) {
                float r = k[0], z = k[1], c = k[KEPT - 2], hn = k[KEPT - 1];
                float da = d * (1.0f - z) * (1.0f - c * c);
                float dr = da * hn * r * (1.0f - r), dz = d * (before[turn] - c) * z * (1.0f - z);
                s[u] = dr;
                s[(GATES > 1) * H + u] = dz;
                s[(GATES > 2) * 2 * H + u] = da * r;
                carried[turn] = d * z;
                if (there) out[0] = dr, out[H] = dz, out[2 * H] = da;
            } else if (GATES == 4) {
                float in = k[0], f = k[1 % KEPT], g = k[2 % KEPT], o = k[3 % KEPT], th = tanhf(k[4 % KEPT]);
                float dc = dcell[turn] + d * o * (1.0f - th * th);
                float di = dc * g * in * (1.0f - in), df = dc * cell_before[turn] * f * (1.0f - f);
                float dg = dc * in * (1.0f - g * g), dout = d * th * o * (1.0f - o);
                dcell[turn] = dc * f;
                carried[turn] = 0.0f;
                s[u] = di;
                s[(GATES > 1) * H + u] = df;
                s[(GATES > 2) * 2 * H + u] = dg;
                s[(GATES > 3) * 3 * H + u] = dout;
                if (there) out[0] = di, out[H] = df, out[2 * H] = dg, out[3 * H] = dout;
            } else {
                float da = d * (1.0f - before[turn] * before[turn]);
                s[u] = da;
                carried[turn] = 0.0f;
                if (there) out[0] = da;
            }
        }
        if (t) { READ(t - 1) }
        __syncthreads();
        float sum[ROWS];
        for (int i = 0; i < ROWS; i++) sum[i] = 0.0f;
#pragma unroll
        for (int q = 0; q < H; q += 4) {
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
                const float *s = &slopes[i][part * H + q];
                sum[i] += mine[q] * s[0];
                sum[i] += mine[q + 1] * s[1];
                sum[i] += mine[q + 2] * s[2];
                sum[i] += mine[q + 3] * s[3];
            }
        }
        for (int i = 0; i < ROWS; i++) parts[i][j] = sum[i];
        __syncthreads();
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            int e = turn * THREADS + j, i = e / H, u = e % H;
            if (e >= ROWS * H) break;
            for (int p = 0; p < GATES; p++) carried[turn] += parts[i][p * H + u];
        }
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int e = turn * THREADS + j, i = e / H, u = e % H;
        if (e < ROWS * H && first + i < rows) dh[((size_t)net * rows + first + i) * H + u] = carried[turn];
    }
}

/* Gives CUDA's error, 0 for none. */
extern "C" int recurrence_forward(void *stream, int nets, int rows, int n, const float *gi, const float *w, const float *b,
                                  float *h, float *kept)
{
    dim3 grid((rows + ROWS - 1) / ROWS, nets);
    CALL(forward, grid, THREADS, stream, rows, n, gi, w, b, h, kept);
    return FAILED();
}

extern "C" int recurrence_backward(void *stream, int nets, int rows, int n, const float *dy, const float *w, const float *h,
                                   const float *kept, float *dgi, float *dh)
{
    dim3 grid((rows + ROWS - 1) / ROWS, nets);
    CALL(backward, grid, THREADS, stream, rows, n, dy, w, h, kept, dgi, dh);
    return FAILED();
}
