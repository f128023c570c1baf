/* The benchmark's network and its training, written by hand in plain C.

   Two LSTM layers, one after the other, are trained on the mean squared error
   with Keras's Adam. benchmarks/lstm_c.py compiles it for one shape at a time:

       cc -O3 -march=native -ffast-math -shared -fPIC \
          -DINPUTS=3 -DUNITS=5 -DOUTPUTS=2 -DSTEPS=20 -DBATCH=20 lstm.c -lm

   Arrays are [step][channel][lane]. A lane is a sequence, so that the
   innermost loops run over sequences and fill the vector registers. The lane
   after those of the batch holds the probe, whose answers are computed in the
   next forward pass; the other lanes are padding. Gates are in Keras's order:
   input, forget, candidate, output. */

#include <math.h>
#include <string.h>

enum { LANES = (BATCH + 1 + 7) / 8 * 8 };
enum { HIDDEN_WEIGHTS = (INPUTS + UNITS + 1) * 4 * UNITS };
enum { OUTPUT_WEIGHTS = (UNITS + OUTPUTS + 1) * 4 * OUTPUTS };
enum { WEIGHTS = HIDDEN_WEIGHTS + OUTPUT_WEIGHTS };

#define INLINE static inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64)))

/* What the forward pass stores for the backward pass, for both layers. */
static ALIGNED float inputs[STEPS][INPUTS][LANES];
static ALIGNED float gates_1[STEPS][4][UNITS][LANES];
static ALIGNED float cells_1[STEPS][UNITS][LANES];
static ALIGNED float squashed_1[STEPS][UNITS][LANES];
static ALIGNED float hidden_1[STEPS][UNITS][LANES];
static ALIGNED float gates_2[STEPS][4][OUTPUTS][LANES];
static ALIGNED float cells_2[STEPS][OUTPUTS][LANES];
static ALIGNED float squashed_2[STEPS][OUTPUTS][LANES];
static ALIGNED float hidden_2[STEPS][OUTPUTS][LANES];
static ALIGNED float slopes_1[STEPS][UNITS][LANES];
static ALIGNED float slopes_2[STEPS][OUTPUTS][LANES];
static ALIGNED float slopes_input[STEPS][INPUTS][LANES];

/* One layer forward: kernel [in][4 n], recurrent kernel [n][4 n], bias. */
INLINE void forward(int in, int n, const float *weights,
                    const float x[STEPS][in][LANES],
                    float gates[STEPS][4][n][LANES],
                    float cells[STEPS][n][LANES],
                    float squashed[STEPS][n][LANES],
                    float hidden[STEPS][n][LANES])
{
    const float *recurrent = weights + in * 4 * n;
    const float *bias = recurrent + n * 4 * n;
    for (int t = 0; t < STEPS; t++) {
        float(*z)[LANES] = gates[t][0]; /* all 4 n of them */
        for (int k = 0; k < 4 * n; k++) {
            float sum[LANES];
            for (int l = 0; l < LANES; l++)
                sum[l] = bias[k];
            for (int i = 0; i < in; i++)
                for (int l = 0; l < LANES; l++)
                    sum[l] += weights[i * 4 * n + k] * x[t][i][l];
            for (int j = 0; t && j < n; j++)
                for (int l = 0; l < LANES; l++)
                    sum[l] += recurrent[j * 4 * n + k] * hidden[t - 1][j][l];
            for (int l = 0; l < LANES; l++)
                z[k][l] = sum[l];
        }
        for (int u = 0; u < n; u++)
            for (int l = 0; l < LANES; l++) {
                float i = 1 / (1 + expf(-gates[t][0][u][l]));
                float f = 1 / (1 + expf(-gates[t][1][u][l]));
                float g = tanhf(gates[t][2][u][l]);
                float o = 1 / (1 + expf(-gates[t][3][u][l]));
                float c = i * g + (t ? f * cells[t - 1][u][l] : 0);
                float s = tanhf(c);
                gates[t][0][u][l] = i;
                gates[t][1][u][l] = f;
                gates[t][2][u][l] = g;
                gates[t][3][u][l] = o;
                cells[t][u][l] = c;
                squashed[t][u][l] = s;
                hidden[t][u][l] = o * s;
            }
    }
}

/* Sum products over steps and lanes; a stride leads to the next step. */
INLINE float products(int steps, const float *a, int a_stride,
                      const float *b, int b_stride)
{
    float sum[LANES] = {0}, total = 0;
    for (int t = 0; t < steps; t++)
        for (int l = 0; l < LANES; l++)
            sum[l] += a[t * a_stride + l] * b[t * b_stride + l];
    for (int l = 0; l < LANES; l++)
        total += sum[l];
    return total;
}

/* One layer backward: from the gradient of its hidden values to those of its
   weights and of its inputs. The gradient of the gates overwrites the gates. */
INLINE void backward(int in, int n, int inputs_too, const float *weights,
                     const float x[STEPS][in][LANES],
                     float gates[STEPS][4][n][LANES],
                     const float cells[STEPS][n][LANES],
                     const float squashed[STEPS][n][LANES],
                     const float hidden[STEPS][n][LANES],
                     const float slopes[STEPS][n][LANES],
                     float below[STEPS][in][LANES], float *gradient)
{
    const float *recurrent = weights + in * 4 * n;
    float from_later[n][LANES], cell_slope[n][LANES], ones[LANES];
    for (int l = 0; l < LANES; l++)
        ones[l] = 1;
    memset(from_later, 0, sizeof from_later);
    memset(cell_slope, 0, sizeof cell_slope);
    for (int t = STEPS - 1; t >= 0; t--) {
        for (int u = 0; u < n; u++)
            for (int l = 0; l < LANES; l++) {
                float i = gates[t][0][u][l], f = gates[t][1][u][l];
                float g = gates[t][2][u][l], o = gates[t][3][u][l];
                float s = squashed[t][u][l];
                float before = t ? cells[t - 1][u][l] : 0;
                float dh = slopes[t][u][l] + from_later[u][l];
                float dc = cell_slope[u][l] + dh * o * (1 - s * s);
                gates[t][0][u][l] = dc * g * i * (1 - i);
                gates[t][1][u][l] = dc * before * f * (1 - f);
                gates[t][2][u][l] = dc * i * (1 - g * g);
                gates[t][3][u][l] = dh * s * o * (1 - o);
                cell_slope[u][l] = dc * f;
            }
        float(*dz)[LANES] = gates[t][0];
        for (int j = 0; j < n; j++) {
            float sum[LANES] = {0};
            for (int k = 0; k < 4 * n; k++)
                for (int l = 0; l < LANES; l++)
                    sum[l] += recurrent[j * 4 * n + k] * dz[k][l];
            for (int l = 0; l < LANES; l++)
                from_later[j][l] = sum[l];
        }
        for (int i = 0; inputs_too && i < in; i++) {
            float sum[LANES] = {0};
            for (int k = 0; k < 4 * n; k++)
                for (int l = 0; l < LANES; l++)
                    sum[l] += weights[i * 4 * n + k] * dz[k][l];
            for (int l = 0; l < LANES; l++)
                below[t][i][l] = sum[l];
        }
    }
    /* Rows of the gradient: inputs, previous hidden values, bias. */
    for (int k = 0; k < 4 * n; k++) {
        const float *dz = gates[0][0][0] + k * LANES;
        int next = 4 * n * LANES;
        for (int i = 0; i < in; i++)
            gradient[i * 4 * n + k] =
                products(STEPS, x[0][i], in * LANES, dz, next);
        for (int j = 0; j < n; j++)
            gradient[(in + j) * 4 * n + k] =
                products(STEPS - 1, hidden[0][j], n * LANES, dz + next, next);
        gradient[(in + n) * 4 * n + k] = products(STEPS, ones, 0, dz, next);
    }
}

/* Copy sequences [sequence][step][channel] into lanes from `first` on. */
static void load(int count, const float *x, int first)
{
    for (int s = 0; s < count; s++)
        for (int t = 0; t < STEPS; t++)
            for (int i = 0; i < INPUTS; i++)
                inputs[t][i][first + s] = x[(s * STEPS + t) * INPUTS + i];
}

static void compute_outputs(const float *weights)
{
    forward(INPUTS, UNITS, weights, inputs, gates_1, cells_1, squashed_1,
            hidden_1);
    forward(UNITS, OUTPUTS, weights + HIDDEN_WEIGHTS, hidden_1, gates_2,
            cells_2, squashed_2, hidden_2);
}

/* Return the mean squared error of the loaded batch and its gradient. */
float gradient(const float *weights, const float *x, const float *targets,
               float *slopes)
{
    float loss = 0, scale = 1.0f / (BATCH * STEPS * OUTPUTS);
    load(BATCH, x, 0);
    compute_outputs(weights);
    for (int t = 0; t < STEPS; t++)
        for (int k = 0; k < OUTPUTS; k++)
            for (int s = 0; s < BATCH; s++) {
                float error = hidden_2[t][k][s]
                              - targets[(s * STEPS + t) * OUTPUTS + k];
                loss += error * error;
                slopes_2[t][k][s] = 2 * scale * error;
            }
    backward(UNITS, OUTPUTS, 1, weights + HIDDEN_WEIGHTS, hidden_1, gates_2,
             cells_2, squashed_2, hidden_2, slopes_2, slopes_1,
             slopes + HIDDEN_WEIGHTS);
    backward(INPUTS, UNITS, 0, weights, inputs, gates_1, cells_1, squashed_1,
             hidden_1, slopes_1, slopes_input, slopes);
    return loss * scale;
}

/* Copy the outputs of a lane, as [step][channel]. */
void outputs_of(int lane, float *out)
{
    for (int t = 0; t < STEPS; t++)
        for (int k = 0; k < OUTPUTS; k++)
            out[t * OUTPUTS + k] = hidden_2[t][k][lane];
}

/* Train on [episode][sequence][step][channel], after `done` earlier episodes.
   The probe's answers are recorded after each update. */
void train(int episodes, int done, float rate, float *weights, float *mean,
           float *square, const float *x, const float *targets,
           const float *probe, float *losses, float *records)
{
    float slopes[WEIGHTS];
    load(1, probe, BATCH);
    for (int e = 0; e < episodes; e++) {
        losses[e] = gradient(weights, x + e * BATCH * STEPS * INPUTS,
                             targets + e * BATCH * STEPS * OUTPUTS, slopes);
        if (e)
            outputs_of(BATCH, records + (e - 1) * STEPS * OUTPUTS);
        float now = done + e + 1;
        float step = rate * sqrtf(1 - powf(0.999f, now)) / (1 - powf(0.9f, now));
        for (int k = 0; k < WEIGHTS; k++) {
            mean[k] += (slopes[k] - mean[k]) * (1 - 0.9f);
            square[k] += (slopes[k] * slopes[k] - square[k]) * (1 - 0.999f);
            weights[k] -= step * mean[k] / (sqrtf(square[k]) + 1e-7f);
        }
    }
    compute_outputs(weights);
    outputs_of(BATCH, records + (episodes - 1) * STEPS * OUTPUTS);
}
