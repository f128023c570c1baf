"""The implementation in C, `lstm.c`."""

import ctypes
import pathlib
import subprocess
import tempfile

import numpy as np
from cases import LEARNING_RATE
from equal_work import blocks, probe
from measuring import compiler


class HandWritten:
    """C written by hand, compiled for the shape."""

    def __init__(self, setting, weights):
        self.setting, self.start = setting, weights
        self.shapes = [w.shape for w in weights]
        self.probe = probe(setting).inputs
        self.library = _compile(setting, self.probe.shape[-1])
        self.library.gradient.restype = ctypes.c_float
        self._reset()

    def _reset(self):
        self.flat = np.concatenate([np.ravel(w) for w in self.start])
        self.mean, self.square = np.zeros((2, *self.flat.shape), np.float32)
        self.updates = 0

    def warm_up(self, episodes):
        """Train once, which loads the code, then start afresh."""
        self.train(1, 0)
        self._reset()

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records = [], []
        for inputs, targets in blocks(self.setting, episodes, seed):
            losses.append(np.empty(len(inputs), np.float32))
            shape = (len(inputs), self.setting.timesteps, 2)
            records.append(np.empty(shape, np.float32))
            state = self.flat, self.mean, self.square
            self.library.train(
                len(inputs),
                self.updates,
                ctypes.c_float(LEARNING_RATE),
                *map(_pointer, (*state, inputs, targets, self.probe)),
                *map(_pointer, (losses[-1], records[-1])),
            )
            self.updates += len(inputs)
        return np.concatenate(losses), np.concatenate(records)

    def weights(self):
        """Return the weights in Keras's order."""
        return self._split(self.flat)

    def outputs_and_gradient(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        gradient = np.empty_like(self.flat)
        given = self.flat, inputs, targets, gradient
        self.library.gradient(*map(_pointer, given))
        outputs = np.empty_like(targets)
        for lane, out in enumerate(outputs):
            self.library.outputs_of(lane, _pointer(out))
        return outputs, self._split(gradient)

    def _split(self, flat):
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        parts = np.split(flat.copy(), ends[:-1])
        return [p.reshape(s) for p, s in zip(parts, self.shapes)]


def _pointer(array):
    assert array.flags.c_contiguous and array.dtype == np.float32
    return array.ctypes.data_as(ctypes.c_void_p)


def _compile(setting, channels):
    """Compile `lstm.c` for a shape, in a temporary folder."""
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
        compiled = library.with_suffix(".o")
        defined = [f"-D{name}={value}" for name, value in shape.items()]
        fast = "-O3 -march=native -ffast-math -fPIC -c".split()
        # Linked without -ffast-math, which would make the whole process
        # round denormal numbers to 0.
        for words in (
            [*fast, *defined, str(source), "-o", str(compiled)],
            ["-shared", str(compiled), "-o", str(library), "-lm"],
        ):
            subprocess.run([*compiler(), *words], check=True)
        return ctypes.CDLL(str(library))
