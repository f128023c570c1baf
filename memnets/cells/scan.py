"""Compute all steps of a linear recurrence at once.

`keras.ops.associative_scan` does the same, but on TensorFlow it loses the
shapes, and XLA cannot compile it.
"""

from __future__ import annotations

from keras import ops


def scan(keep, new):
    """Return h(t) = keep(t) * h(t-1) + new(t) for all steps, from h = 0 on.

    Each pair of steps is joined into one, recursively. The steps in between
    follow from the joined step before them. So T steps take about log2(T)
    operations on long arrays, and about as much work as a loop over steps.

    Source: G. E. Blelloch, Prefix Sums and Their Applications, CMU-CS-90-190
    (1990).

    Args:
        keep: Tensor of shape `(batch, time, channel)`; the number of time
            steps must be known.
        new: Tensor of the same shape.

    Returns:
        The product of keep up to each step, and h, both of the same shape.
        From an initial h0 on, the result is product * h0 + h.
    """
    length = keep.shape[1]
    if length == 1:
        return keep, new
    first = keep[:, 0 : length - 1 : 2], new[:, 0 : length - 1 : 2]
    second = keep[:, 1::2], new[:, 1::2]
    odd = scan(*_join(first, second))
    even = keep[:, :1], new[:, :1]
    if length > 2:
        before = [part[:, : (length - 1) // 2] for part in odd]
        later = _join(before, (keep[:, 2::2], new[:, 2::2]))
        even = [ops.concatenate(pair, axis=1) for pair in zip(even, later)]
    return tuple(_interleave(*pair) for pair in zip(even, odd))


def _join(first, second):
    """Join two steps, h = keep * h + new, into one."""
    (keep, new), (keep_after, new_after) = first, second
    return keep * keep_after, keep_after * new + new_after


def _interleave(even, odd):
    """Put steps 0, 2, 4, ... and 1, 3, 5, ... back into order."""
    pairs, channels = odd.shape[1:]
    steps = ops.stack([even[:, :pairs], odd], axis=2)
    steps = ops.reshape(steps, (-1, 2 * pairs, channels))
    if even.shape[1] == pairs:
        return steps
    return ops.concatenate([steps, even[:, pairs:]], axis=1)
