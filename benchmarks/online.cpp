// The LSTM of 1997 trained online, one network, in plain C++, to compare with
// memnets/training/kernels/online.py. Sizes are constants, given by -D, so that
// the compiler can unroll and vectorize the loops over the units.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

constexpr int B = BLOCKS, S = SIZE, IN = INPUTS, OUT = OUTPUTS;
constexpr int C = B * S, G = 2 * B, H = G + C;  // input, output gates, cells
constexpr int K = (H + 7) / 8 * 8, R = IN + H + 1;  // whole vectors; 1: bias

struct alignas(64) Row { float k[K]; };
struct Step { Row seen, y, z, dz; float x[IN], s[C], h[C], out[OUT]; };

static Row w[R], d[R], trace_in[R], trace_cell[R];
static float v[C][OUT], dv[C][OUT], dy[C], ds[C];

static inline float tanh_(float x) {
    x = std::fmin(std::fmax(x, -7.9053111f), 7.9053111f);
    float s = x * x;
    float p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s - 8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    float q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * p / q;
}

static void forward(Step& now, Step& next, bool scored) {
    Row z = w[R - 1], odd = {};  // two sums side by side are faster than one
    for (int i = 0; i < IN; i++)
        for (int k = 0; k < K; k++) odd.k[k] += now.x[i] * w[i].k[k];
    for (int j = 0; j < H / 2; j++)
        for (int k = 0; k < K; k++) {
            z.k[k] += now.seen.k[2 * j] * w[IN + 2 * j].k[k];
            odd.k[k] += now.seen.k[2 * j + 1] * w[IN + 2 * j + 1].k[k];
        }
    if (H % 2)
        for (int k = 0; k < K; k++) z.k[k] += now.seen.k[H - 1] * w[R - 2].k[k];
    for (int k = 0; k < K; k++) now.z.k[k] = tanh_(0.5f * (z.k[k] + odd.k[k]));
    // Units in the order of the feedback's rows: cells, then gates.
    for (int k = 0; k < G; k++) now.y.k[C + k] = 0.5f * now.z.k[k] + 0.5f;
    for (int c = 0; c < C; c++) {
        next.s[c] = now.s[c] + now.y.k[C + c / S] * 2 * now.z.k[G + c];
        now.h[c] = tanh_(0.5f * next.s[c]);
        now.y.k[c] = now.y.k[C + B + c / S] * now.h[c];
    }
    next.seen = now.y;
    if (!scored) return;
    for (int k = 0; k < OUT; k++) {
        float sum = 0;
        for (int c = 0; c < C; c++) sum += v[c][k] * now.y.k[c];
        now.out[k] = 0.5f * tanh_(0.5f * sum) + 0.5f;
    }
}

// Write errors of the cells' outputs into dy; add those of states to ds.
static void errors(Step& now, const float* target, float scale, float to[][OUT]) {
    for (int c = 0; c < C; c++) dy[c] = 0;
    for (int k = 0; k < OUT; k++) {
        float y = now.out[k], e = (y - target[k]) * y * (1 - y);
        for (int c = 0; c < C; c++) {
            dy[c] += e * v[c][k];
            to[c][k] += scale * e * now.y.k[c];
        }
    }
    for (int b = 0; b < B; b++) {
        float o = now.y.k[C + B + b], sum = 0;
        for (int c = b * S; c < b * S + S; c++) {
            float h = now.h[c];
            sum += dy[c] * h;
            ds[c] += dy[c] * o * 0.5f * (1 - h * h);
        }
        now.dz.k[B + b] = sum * o * (1 - o);
    }
}

static void backward(std::vector<Step>& at, int steps, int scored,
                     const float* targets, float rate) {
    for (int c = 0; c < C; c++) ds[c] = 0;
    for (int t = steps - 1; t >= 0; t--) {
        Step& now = at[t];
        now.dz = {};
        if (t >= steps - scored)
            errors(now, targets + (t - steps + scored) * OUT, 1, dv);
        for (int b = 0; b < B; b++) {
            float i = now.y.k[C + b], sum = 0;
            for (int c = b * S; c < b * S + S; c++) {
                float z = now.z.k[G + c];
                sum += ds[c] * 2 * z;
                now.dz.k[G + c] = ds[c] * i * (1 - z * z);
            }
            now.dz.k[b] = sum * i * (1 - i);
        }
    }
    // Row by row, so that a row of the gradient stays in registers, and 32 steps
    // at a time, so that these stay in the first-level cache.
    auto add = [&](int first, int last, int j, auto seen) {
        Row sum = d[j];
        for (int t = first; t < last; t++)
            for (int k = 0; k < K; k++) sum.k[k] += seen(at[t]) * at[t].dz.k[k];
        d[j] = sum;
    };
    for (int a = 0; a < steps; a += 32) {
        int b = std::min(a + 32, steps);
        for (int i = 0; i < IN; i++)
            add(a, b, i, [i](const Step& s) { return s.x[i]; });
        for (int j = 0; j < H; j++)
            add(a, b, IN + j, [j](const Step& s) { return s.seen.k[j]; });
        add(a, b, R - 1, [](const Step&) { return 1.0f; });
    }
    for (int j = 0; j < R; j++)
        for (int k = 0; k < K; k++) {
            w[j].k[k] -= rate * d[j].k[k];
            d[j].k[k] = 0;
        }
    for (int c = 0; c < C; c++)
        for (int k = 0; k < OUT; k++) {
            v[c][k] -= rate * dv[c][k];
            dv[c][k] = 0;
        }
}

// Update the traces, and the weights at a step with a target.
static void update(Step& now, bool scored, const float* target, float rate) {
    Row to_in = {}, to_cell = {};
    for (int c = 0; c < C; c++) {
        float i = now.y.k[C + c / S], z = now.z.k[G + c];
        to_in.k[c] = 2 * z * i * (1 - i);
        to_cell.k[c] = i * (1 - z * z);
    }
    float seen[R];
    for (int i = 0; i < IN; i++) seen[i] = now.x[i];
    for (int j = 0; j < H; j++) seen[IN + j] = now.seen.k[j];
    seen[R - 1] = 1;
    for (int j = 0; j < R; j++) {
        float x = seen[j];
        for (int c = 0; c < C; c++) {
            trace_in[j].k[c] += x * to_in.k[c];
            trace_cell[j].k[c] += x * to_cell.k[c];
        }
    }
    if (!scored) return;
    for (int c = 0; c < C; c++) ds[c] = 0;
    errors(now, target, -rate, v);
    for (int j = 0; j < R; j++) {
        for (int c = 0; c < C; c++) {
            w[j].k[c / S] -= rate * ds[c] * trace_in[j].k[c];
            w[j].k[G + c] -= rate * ds[c] * trace_cell[j].k[c];
        }
        for (int b = B; b < G; b++) w[j].k[b] -= rate * seen[j] * now.dz.k[b];
    }
}

extern "C" void learn(float* weights, const float* inputs, const float* targets,
                      int sequences, int steps, int scored, float rate,
                      int each_step) {
    for (int j = 0; j < R; j++)
        std::memcpy(w[j].k, weights + j * H, sizeof(float) * H);
    std::memcpy(v, weights + R * H, sizeof(v));
    static std::vector<Step> at;
    at.resize(steps + 1);
    for (int n = 0; n < sequences; n++) {
        at[0].seen = {};
        for (int c = 0; c < C; c++) at[0].s[c] = 0;
        std::memset(trace_in, 0, sizeof(trace_in));
        std::memset(trace_cell, 0, sizeof(trace_cell));
        for (int t = 0; t < steps; t++) {
            std::memcpy(at[t].x, inputs + (n * steps + t) * IN, 4 * IN);
            bool last = t >= steps - scored;
            forward(at[t], at[t + 1], last);
            const float* target = targets + (n * scored + t - steps + scored) * OUT;
            if (each_step) update(at[t], last, target, rate);
        }
        const float* target = targets + n * scored * OUT;
        if (!each_step) backward(at, steps, scored, target, rate);
    }
    for (int j = 0; j < R; j++)
        std::memcpy(weights + j * H, w[j].k, sizeof(float) * H);
    std::memcpy(weights + R * H, v, sizeof(v));
}
