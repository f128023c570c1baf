"""One step of a cell, forward and backward, written like its equations.

`memnets.scratch.lstm` is the same in NumPy. All arguments are vectors of
lanes; the first four are the net inputs of a unit.
"""

from numba import njit

from memnets.training.kernels.lanes import FAST, ONE, ZERO, fma, sigmoid, tanh

CELL = {"forceinline": True, **FAST}


@njit(**CELL)
def slope(tanh_x):
    """Return the derivative of tanh, given its value."""
    return fma(ZERO - tanh_x, tanh_x, ONE)


@njit(**CELL)
def lstm_forward(i, f, g, o, c):
    """Return the gates, tanh(c), the cell state and the output."""
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = fma(f, c, i * g)
    tanh_c = tanh(c)
    return i, f, g, o, tanh_c, c, o * tanh_c


@njit(**CELL)
def lstm_backward(i, f, g, o, tanh_c, c_before, dh, dc):
    """Return the errors of the four net inputs and of the last cell state."""
    dc = fma(dh * o, slope(tanh_c), dc)
    di = dc * g * i * (ONE - i)
    df = dc * c_before * f * (ONE - f)
    dg = dc * i * slope(g)
    do = dh * tanh_c * o * (ONE - o)
    return di, df, dg, do, dc * f


@njit(**CELL)
def gru_forward(z, r, a, b, h):
    """Return the gates, the candidate, b, and the output.

    The candidate's net input is a + r * b, with a from the inputs and b from
    the previous output.
    """
    z, r = sigmoid(z), sigmoid(r)
    g = tanh(fma(r, b, a))
    return z, r, g, b, fma(z, h - g, g)


@njit(**CELL)
def gru_backward(z, r, g, b, h, dh):
    """Return the errors of the four net inputs and of the last output."""
    da = dh * (ONE - z) * slope(g)
    dz = dh * (h - g) * z * (ONE - z)
    dr = da * b * r * (ONE - r)
    return dz, dr, da, da * r, dh * z
