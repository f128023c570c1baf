"""All cells of the catalogue once more, from their papers' equations.

In NumPy and float64; Keras and `memnets.cells` stay out of it. A step takes
the weights, the inputs x and the values before, and returns the values after.
It calls `add` with each memory as soon as it is known, to change it a little.
"""

import numpy as np

from memnets import CELLS

NAMES = {
    "lstm": (
        "input_gate",
        "forget_gate",
        "output_gate",
        "candidate",
        "cell_state",
        "hidden",
    ),
    "gru": ("update_gate", "reset_gate", "candidate", "hidden"),
    "simple_rnn": ("hidden",),
}
MEMORIES = ("hidden", "cell_state")

FUNCTIONS = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "relu": lambda x: np.maximum(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
}
sigmoid = FUNCTIONS["sigmoid"]


def split(array, letters):
    """Cut columns into one part for each letter."""
    return dict(zip(letters, np.split(array, len(letters), axis=-1)))


def simple_step(weights, x, before, add, options):
    kernel, recurrent, *bias = weights
    g = FUNCTIONS[options.get("activation", "tanh")]
    net = x @ kernel + before["hidden"] @ recurrent + sum(bias)
    return {"hidden": add("hidden", g(net))}


def gru_step(weights, x, before, add, options):
    W, U = split(weights[0], "zrg"), split(weights[1], "zrg")
    g = FUNCTIONS[options.get("activation", "tanh")]
    s = FUNCTIONS[options.get("recurrent_activation", "sigmoid")]
    b = again = dict.fromkeys("zrg", 0)
    after = options.get("reset_after", True)
    if len(weights) == 3:
        b = split(weights[2][0] if after else weights[2], "zrg")
        again = split(weights[2][1], "zrg") if after else again
    h = before["hidden"]
    z, r = (s(x @ W[k] + b[k] + h @ U[k] + again[k]) for k in "zr")
    seen = r * (h @ U["g"] + again["g"]) if after else (r * h) @ U["g"]
    candidate = g(x @ W["g"] + b["g"] + seen)
    hidden = add("hidden", z * h + (1 - z) * candidate)
    return dict(zip(NAMES["gru"], (z, r, candidate, hidden)))


def lstm_step(weights, x, before, add, options):
    """Take one step of the LSTM, with peepholes or not, or of a variant."""
    name = options.get("variant")
    absent = {"NIG": "i", "NFG": "f", "CIFG": "f", "NOG": "o"}.get(name)
    nets = [k for k in "ifgo" if k != absent]
    W, U = split(weights[0], nets), split(weights[1], nets)
    b = split(weights[2], nets) if len(weights) > 2 else dict.fromkeys(nets, 0)
    g = FUNCTIONS[options.get("activation", "tanh")]
    s = FUNCTIONS[options.get("recurrent_activation", "sigmoid")]
    net = {k: x @ W[k] + before["hidden"] @ U[k] + b[k] for k in nets}
    gates = [k for k in nets if k != "g"]
    p = dict.fromkeys(gates, 0)
    if len(weights) > 3:
        p = dict(zip(gates, weights[3]))
    if name == "FGR":
        last = [
            before[f"{gate}_gate"] for gate in ("input", "forget", "output")
        ]
        seen = split(np.concatenate(last, axis=-1) @ weights[4], "ifo")
        net |= {k: net[k] + seen[k] for k in gates}
    c = before["cell_state"]
    one = np.ones_like(c)
    i = s(net["i"] + p["i"] * c) if "i" in gates else one
    f = s(net["f"] + p["f"] * c) if "f" in gates else one
    f = 1 - i if name == "CIFG" else f
    candidate = net["g"] if name == "NIAF" else g(net["g"])
    c = add("cell_state", f * c + i * candidate)
    o = s(net["o"] + p["o"] * c) if "o" in gates else one
    hidden = add("hidden", o * (c if name == "NOAF" else g(c)))
    return dict(zip(NAMES["lstm"], (i, f, o, candidate, c, hidden)))


def step_1997(weights, x, before, add, options):
    last = [before[n] for n in ("hidden", "input_gate", "output_gate")]
    kernel, recurrent, bias = weights
    net = split(x @ kernel + np.concatenate(last, -1) @ recurrent + bias, "iog")
    i, o, g = sigmoid(net["i"]), sigmoid(net["o"]), 4 * sigmoid(net["g"]) - 2
    c = add("cell_state", before["cell_state"] + i * g)
    hidden = add("hidden", o * (2 * sigmoid(c) - 1))
    names = ("input_gate", "output_gate", "candidate", "cell_state", "hidden")
    return dict(zip(names, (i, o, g, c, hidden)))


def memory_gated_step(weights, x, before, add, options):
    W, c = split(weights[0], "gifo"), before["cell_state"]
    seen = split(c @ weights[1] + weights[2], "ifo")
    i, f, o = (sigmoid(x @ W[k] + seen[k]) for k in "ifo")
    candidate = x @ W["g"]
    c = add("cell_state", f * c + i * candidate)
    hidden = add("hidden", o * c)
    return dict(zip(NAMES["lstm"], (i, f, o, candidate, c, hidden)))


def min_gru_step(weights, x, before, add, options):
    net = split(x @ weights[0] + weights[1], "zg")
    z = sigmoid(net["z"])
    hidden = add("hidden", (1 - z) * before["hidden"] + z * net["g"])
    return {"update_gate": z, "candidate": net["g"], "hidden": hidden}


def min_lstm_step(weights, x, before, add, options):
    net = split(x @ weights[0] + weights[1], "fig")
    f, i = sigmoid(net["f"]), sigmoid(net["i"])
    f, i = f / (f + i), i / (f + i)
    hidden = add("hidden", f * before["hidden"] + i * net["g"])
    names = ("forget_gate", "input_gate", "candidate", "hidden")
    return dict(zip(names, (f, i, net["g"], hidden)))


STEPS = {
    "simple_rnn": simple_step,
    "elman": simple_step,
    "gru": gru_step,
    "lstm_1997": step_1997,
    "memory_gated": memory_gated_step,
    "min_gru": min_gru_step,
    "min_lstm": min_lstm_step,
}


# The cells whose equations stand here; those of others are their authors'.
KNOWN = [name for name in CELLS if name in STEPS or "lstm" in name]


def reference(
    name, cell, inputs, options=None, mask=None, start=(), nudge=None
):
    """Take all steps of a cell, or a layer of one, in float64.

    `nudge` is `(memory, step, unit, size)`: so much is added to a hidden
    output or cell state as soon as it is known.
    """
    options = {**CELLS[name].options, **(options or {})}
    weights = [np.asarray(w, float) for w in cell.get_weights()]
    mask = np.ones(inputs.shape[:2], bool) if mask is None else mask
    nothing = np.zeros((len(inputs), cell.units))
    before = dict.fromkeys({*NAMES["lstm"], *NAMES["gru"]}, nothing)
    before |= zip(("hidden", "cell_state"), start)
    order = range(inputs.shape[1])
    found = {}
    for t in reversed(order) if options.get("go_backwards") else order:

        def add(memory, values, t=t):
            values = np.array(values)
            if nudge and nudge[:2] == (memory, t):
                values[:, nudge[2]] += nudge[3]
            return values

        on = mask[:, t, None]
        step = STEPS.get(name, lstm_step)
        new = step(weights, inputs[:, t], before, add, options)
        kept = {n: add(n, before[n]) if n in MEMORIES else np.nan for n in new}
        found[t] = {n: np.where(on, new[n], kept[n]) for n in new}
        # Gates that a cell sees again stay too, though they are not shown.
        again = {n: np.where(on, new[n], before[n]) for n in new}
        before |= again | {n: found[t][n] for n in MEMORIES if n in new}
    return {n: np.stack([found[t][n] for t in order], axis=1) for n in new}
