"""What a user would pick instead: PyTorch, JAX, and C written by hand.

All take the weights of the Keras model, the mean squared error and Keras's
Adam, so that the same sequences teach the same.
"""

import ctypes
import pathlib
import subprocess
import tempfile

import numpy as np
from equal_work import lessons, probe, whole
from measuring import compiler

RATE, MEAN, SQUARE, TINY = 1e-3, 0.9, 0.999, 1e-7


class Torch:
    """PyTorch, eager, in one thread."""

    def __init__(self, setting, weights):
        import torch

        torch.set_num_threads(1)
        self.torch, self.setting = torch, setting
        self.begin = weights
        self.probe = torch.from_numpy(probe(setting).inputs)
        self._reset()

    def _reset(self):
        torch = self.torch
        layers = []
        for kernel, recurrent, bias in (self.begin[:3], self.begin[3:]):
            layer = torch.nn.LSTM(len(kernel), len(recurrent), batch_first=True)
            with torch.no_grad():
                layer.weight_ih_l0.copy_(torch.from_numpy(kernel.T))
                layer.weight_hh_l0.copy_(torch.from_numpy(recurrent.T))
                layer.bias_ih_l0.copy_(torch.from_numpy(bias))
                # Keras has one bias; a second would learn twice as fast.
                layer.bias_hh_l0.zero_().requires_grad_(False)
            layers.append(layer)
        self.layers = layers
        self.parameters = [
            getattr(layer, name)
            for layer in layers
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
        ]
        # Of what was tried the fused one is the fastest.
        self.optimizer = torch.optim.Adam(
            self.parameters, RATE, (MEAN, SQUARE), fused=True
        )
        self.done = 0

    def warm_up(self, episodes):
        """Let the first call do what only first calls do."""
        self.train(1, 0)
        self._reset()

    def _answer(self, inputs):
        for layer in self.layers:
            inputs, _ = layer(inputs)
        return inputs

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        torch = self.torch
        losses, records = [], []
        for block in lessons(self.setting, episodes, seed):
            for x, y in zip(*map(torch.from_numpy, block)):
                self.optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(self._answer(x), y)
                loss.backward()
                # PyTorch adds epsilon after the correction of the bias, and
                # Keras before it.
                self.done += 1
                epsilon = TINY / (1 - SQUARE**self.done) ** 0.5
                self.optimizer.param_groups[0]["eps"] = epsilon
                self.optimizer.step()
                losses.append(loss.item())
                with torch.inference_mode():
                    records.append(self._answer(self.probe).numpy())
        return losses, np.concatenate(records)

    def weights(self):
        """Return the weights as Keras orders them."""
        return [p.detach().numpy().T.copy() for p in self.parameters]

    def study(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        torch = self.torch
        outputs = self._answer(torch.from_numpy(inputs))
        targets = torch.from_numpy(targets)
        torch.nn.functional.mse_loss(outputs, targets).backward()
        gradient = [p.grad.numpy().T.copy() for p in self.parameters]
        self.optimizer.zero_grad()
        return outputs.detach().numpy(), gradient


class Jax:
    """JAX: the whole run is one compiled scan.

    Of what was tried this is the fastest: a scan for each layer, after one
    product for the inputs of all its steps, not unrolled; the probe rides
    along as the last sequence of the next episode's pass.
    """

    def __init__(self, setting, weights):
        self.setting, self.begin = setting, [np.array(w) for w in weights]
        self.probe = probe(setting).inputs
        self.compiled = None
        self._reset()

    def _reset(self):
        zeros = [np.zeros_like(w) for w in self.begin]
        self.state = self.begin, zeros, zeros, np.float32(0)

    def warm_up(self, episodes):
        """Compile the run; that changes nothing."""
        import jax

        data = whole(self.setting, episodes, 0)
        lowered = jax.jit(_jax_run).lower(self.state, *data, self.probe)
        self.compiled = lowered.compile()

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        data = whole(self.setting, episodes, seed)
        self.state, losses, records = self.compiled(
            self.state, *data, self.probe
        )
        return np.asarray(losses), np.asarray(records)

    def weights(self):
        """Return the weights as Keras orders them."""
        return [np.asarray(w) for w in self.state[0]]

    def study(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        import jax

        both = np.concatenate([inputs, self.probe])
        slope = jax.jit(jax.grad(_jax_loss, has_aux=True))
        gradient, _ = slope(self.begin, both, targets)
        outputs = jax.jit(_jax_answer)(self.begin, inputs)
        return np.asarray(outputs), [np.asarray(part) for part in gradient]


def _jax_answer(weights, x):
    import jax
    import jax.numpy as jnp

    x = jnp.swapaxes(x, 0, 1)  # a scan runs over the first axis
    for kernel, recurrent, bias in (weights[:3], weights[3:]):

        def step(state, z, recurrent=recurrent):
            hidden, cell = state
            write, keep, new, read = jnp.split(z + hidden @ recurrent, 4, -1)
            cell = jax.nn.sigmoid(write) * jnp.tanh(new) + (
                jax.nn.sigmoid(keep) * cell
            )
            hidden = jax.nn.sigmoid(read) * jnp.tanh(cell)
            return (hidden, cell), hidden

        silence = jnp.zeros((x.shape[1], recurrent.shape[0]))
        _, x = jax.lax.scan(step, (silence, silence), x @ kernel + bias)
    return jnp.swapaxes(x, 0, 1)


def _jax_loss(weights, x, y):
    """Return the loss of all sequences but the last, and its answers."""
    outputs = _jax_answer(weights, x)
    return ((outputs[:-1] - y) ** 2).mean(), outputs[-1]


def _jax_run(state, inputs, targets, asked):
    import jax
    import jax.numpy as jnp

    def episode(state, lesson):
        weights, means, squares, count = state
        x = jnp.concatenate([lesson[0], asked])
        learn = jax.value_and_grad(_jax_loss, has_aux=True)
        (loss, before), slopes = learn(weights, x, lesson[1])
        count += 1
        rate = RATE * jnp.sqrt(1 - SQUARE**count) / (1 - MEAN**count)
        means = [m + (s - m) * (1 - MEAN) for m, s in zip(means, slopes)]
        squares = [
            q + (s * s - q) * (1 - SQUARE) for q, s in zip(squares, slopes)
        ]
        weights = [
            w - rate * m / (jnp.sqrt(q) + TINY)
            for w, m, q in zip(weights, means, squares)
        ]
        return (weights, means, squares, count), (loss, before)

    state, (losses, before) = jax.lax.scan(episode, state, (inputs, targets))
    last = _jax_answer(state[0], asked)
    return state, losses, jnp.concatenate([before[1:], last])


class HandWritten:
    """C written by hand: `lstm.c`, compiled for the shape."""

    def __init__(self, setting, weights):
        self.setting, self.begin = setting, weights
        self.shapes = [w.shape for w in weights]
        self.probe = probe(setting).inputs
        self.library = _build(setting, self.probe.shape[-1])
        self.library.gradient.restype = ctypes.c_float
        self._reset()

    def _reset(self):
        self.flat = np.concatenate([np.ravel(w) for w in self.begin])
        self.mean, self.square = np.zeros((2, *self.flat.shape), np.float32)
        self.done = 0

    def warm_up(self, episodes):
        """Load the code, then start afresh."""
        self.train(1, 0)
        self._reset()

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records = [], []
        for inputs, targets in lessons(self.setting, episodes, seed):
            losses.append(np.empty(len(inputs), np.float32))
            shape = (len(inputs), self.setting.timesteps, 2)
            records.append(np.empty(shape, np.float32))
            state = self.flat, self.mean, self.square
            self.library.train(
                len(inputs),
                self.done,
                ctypes.c_float(RATE),
                *map(_pointer, (*state, inputs, targets, self.probe)),
                *map(_pointer, (losses[-1], records[-1])),
            )
            self.done += len(inputs)
        return np.concatenate(losses), np.concatenate(records)

    def weights(self):
        """Return the weights as Keras orders them."""
        return self._parts(self.flat)

    def study(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        slopes = np.empty_like(self.flat)
        given = self.flat, inputs, targets, slopes
        self.library.gradient(*map(_pointer, given))
        outputs = np.empty_like(targets)
        for number, out in enumerate(outputs):
            self.library.answers_of(number, _pointer(out))
        return outputs, self._parts(slopes)

    def _parts(self, flat):
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        parts = np.split(flat.copy(), ends[:-1])
        return [p.reshape(s) for p, s in zip(parts, self.shapes)]


def _pointer(array):
    assert array.flags.c_contiguous and array.dtype == np.float32
    return array.ctypes.data_as(ctypes.c_void_p)


def _build(setting, channels):
    """Compile `lstm.c` for a shape, in a folder that is gone afterwards."""
    shape = {
        "INPUTS": channels,
        "UNITS": setting.units,
        "OUTPUTS": 2,
        "STEPS": setting.timesteps,
        "BATCH": setting.batch,
    }
    source = pathlib.Path(__file__).with_name("lstm.c")
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder, "lstm.so")
        defined = [f"-D{name}={value}" for name, value in shape.items()]
        fast = "-O3 -march=native -ffast-math -fPIC -c".split()
        compiled = library.with_suffix(".o")
        # Linked without -ffast-math, which would make the whole process take
        # the smallest numbers for 0.
        for words in (
            [*fast, *defined, str(source), "-o", str(compiled)],
            ["-shared", str(compiled), "-o", str(library), "-lm"],
        ):
            subprocess.run([*compiler(), *words], check=True)
        return ctypes.CDLL(str(library))
