"""A Numba type for vectors of float32, with one number for each lane.

Each lane holds a sequence, or a network. `rows` reads and writes a float32
buffer one vector at a time: `seen[t, j]` is the vector of the inputs of all
lanes at step t in column j. So a kernel reads like the equations of one
sequence. Only the number of lanes is fixed by compilation, not other sizes.

Every operation gives the same bits on every processor: there is no `fastmath`,
and a multiply-add is an explicit `fma`, rounded once.
"""

import dataclasses
import functools
import hashlib
import math
import operator
import pathlib

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_builtin,
    register_model,
    typeof_impl,
    unbox,
)

f4 = np.float32
ONE, HALF, ZERO = f4(1), f4(0.5), f4(0)
# Every function sets these; one without would inherit its first caller's.
FAST = {"error_model": "numpy", "nogil": True}
INT, LONG, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
NSW = ["nsw"]  # no index overflows
# Numba does not recompile a cached kernel if another file changes. So the hash
# of the sources is a part of the lanes' type, and of every kernel's signature.
SOURCES = sorted(pathlib.Path(__file__).parent.glob("*.py"))
STAMP = hashlib.sha256(b"".join(p.read_bytes() for p in SOURCES)).hexdigest()


def cached(function):
    """Compile a kernel and cache it on disk, if a folder is writable."""
    try:
        return njit(cache=True, **FAST)(function)
    except RuntimeError:  # Numba found no folder
        return njit(**FAST)(function)


# For the parts of a kernel.
inline = njit(forceinline=True, **FAST)


def aligned(*shape):
    """Return an array of zeros, aligned to the processor's vectors."""
    whole = np.zeros(math.prod(shape) + 16, f4)
    start = -whole.ctypes.data % 64 // 4
    return whole[start : start + math.prod(shape)].reshape(shape)


@dataclasses.dataclass(frozen=True)
class Lanes:
    """The number of lanes, as the sizes of their parts.

    LLVM keeps vectors of 16 and of 8 numbers in registers, but none of 24.
    """

    parts: tuple[int, ...]

    def __len__(self):
        return sum(self.parts)


class LanesType(types.Type):
    """The type of `Lanes`, which fixes their number at compile time."""

    def __init__(self, parts):
        self.parts = parts
        super().__init__(name=f"Lanes{parts}-{STAMP[:16]}")


class Vector(types.Type):
    """The type of a vector with a number for each lane."""

    def __init__(self, parts):
        self.parts = parts
        super().__init__(name=f"Vector{parts}")


class Rows(types.Type):
    """The type of a buffer viewed as vectors: its start and inner sizes."""

    def __init__(self, parts, inner):
        self.parts, self.inner = parts, inner
        super().__init__(name=f"Rows{parts}x{inner}")


register_model(LanesType)(models.OpaqueModel)


@typeof_impl.register(Lanes)
def _typeof_lanes(lanes, context):
    return LanesType(lanes.parts)


@unbox(LanesType)
def _unbox_lanes(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A struct of one LLVM vector for each part."""

    def __init__(self, manager, vector):
        super().__init__(manager, vector, struct(vector.parts))


@register_model(Rows)
class RowsModel(models.StructModel):
    """A pointer and the inner sizes."""

    def __init__(self, manager, rows):
        sizes = types.UniTuple(types.intp, rows.inner)
        data = types.CPointer(types.float32)
        super().__init__(manager, rows, [("data", data), ("sizes", sizes)])


def struct(parts):
    """Return the LLVM type of a vector."""
    return ir.LiteralStructType([ir.VectorType(FLOAT, n) for n in parts])


def split(builder, value, kind):
    """Return the parts of a vector; a number is repeated in all lanes."""
    if not isinstance(value.type, ir.LiteralStructType):
        return [broadcast(builder, value, n) for n in kind.parts]
    return [builder.extract_value(value, k) for k in range(len(kind.parts))]


def broadcast(builder, number, count):
    """Return one LLVM vector that repeats a number."""
    empty = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(empty, number, INT(0))
    mask = ir.Constant(ir.VectorType(INT, count), [0] * count)
    return builder.shuffle_vector(first, empty, mask)


def join(builder, parts):
    """Return the vector of these parts."""
    kind = struct([part.type.count for part in parts])
    value = ir.Constant(kind, ir.Undefined)
    for k, part in enumerate(parts):
        value = builder.insert_value(value, part, k)
    return value


def operation(code):
    """Return the typing of a function of vectors, applied to each part."""

    def typed(*kinds):
        kind = next(k for k in kinds if isinstance(k, Vector))

        def lower(context, builder, sig, args):
            parts = zip(*(split(builder, value, kind) for value in args))
            return join(builder, [code(builder, *part) for part in parts])

        # A plain number of any type is converted to float32.
        return kind(*(k if k == kind else types.float32 for k in kinds)), lower

    return typed


def llvm_intrinsic(name):
    """Return the operation of an LLVM intrinsic."""

    def code(builder, *args):
        kind = args[0].type
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind, [kind] * len(args)),
            f"llvm.{name}.v{kind.count}f32",
        )
        return builder.call(function, args)

    return operation(code)


def unary(call):
    """Return a function of one vector that Numba can compile."""
    return intrinsic(lambda typingctx, a: call(a))


def binary(call):
    """Return a function of two arguments, one of them a vector."""
    return intrinsic(lambda typingctx, a, b: call(a, b))


def ternary(call):
    """Return a function of three arguments, one of them a vector."""
    return intrinsic(lambda typingctx, a, b, c: call(a, b, c))


fma = ternary(llvm_intrinsic("fma"))  # a * b + c, rounded once
sqrt = unary(llvm_intrinsic("sqrt"))


@ternary
@operation
def clip(builder, x, low, high):
    """Return x limited to the range from low to high; NaN stays NaN."""
    x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
    return builder.select(builder.fcmp_ordered(">", x, high), high, x)


@binary
@operation
def larger(builder, a, b):
    """Return the larger of two numbers."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@ternary
@operation
def where(builder, flag, a, b):
    """Return a where the flag is above 0, else b."""
    zero = ir.Constant(flag.type, [0.0] * flag.type.count)
    return builder.select(builder.fcmp_ordered(">", flag, zero), a, b)


@unary
@operation
def power_of_two(builder, n):
    """Return 2 ** n for integers n from -126 to 127, built from its bits."""
    whole = ir.VectorType(INT, n.type.count)
    bits = builder.fptosi(n, whole)
    bits = builder.add(bits, ir.Constant(whole, [127] * whole.count))
    bits = builder.shl(bits, ir.Constant(whole, [23] * whole.count))
    return builder.bitcast(bits, n.type)


# Not `overload`, which would compile one function for each pair of types.
def _arithmetic(symbol, name):
    code = operation(lambda builder, a, b: getattr(builder, name)(a, b))

    @infer_global(symbol)
    class Arithmetic(AbstractTemplate):
        def generic(self, args, kws):
            if any(isinstance(kind, Vector) for kind in args):
                return code(*args)[0]

    def lower(context, builder, sig, args):
        return code(*sig.args)[1](context, builder, sig, args)

    for kinds in (
        (Vector, Vector),
        (Vector, types.Float),
        (types.Float, Vector),
    ):
        lower_builtin(symbol, *kinds)(lower)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


@intrinsic
def vector(typingctx, lanes, number):
    """Return a vector that repeats a number."""
    kind = Vector(lanes.parts)

    def code(context, builder, sig, args):
        return join(builder, split(builder, args[1], kind))

    return kind(lanes, types.float32), code


@intrinsic
def total(typingctx, a):
    """Return the sum over the lanes in a fixed order."""

    def cut(builder, value, width):
        for k in range(0, value.type.count, width):
            mask = ir.Constant(
                ir.VectorType(INT, width), list(range(k, k + width))
            )
            yield builder.shuffle_vector(value, value, mask)

    def code(context, builder, sig, args):
        parts = split(builder, args[0], a)
        eights = [e for part in parts for e in cut(builder, part, 8)]
        value = functools.reduce(builder.fadd, eights)
        for half in (4, 2, 1):
            value = builder.fadd(*cut(builder, value, half))
        return builder.extract_element(value, INT(0))

    return types.float32(a), code


def _view(kind):
    def code(context, builder, sig, args):
        buffer, start, sizes = args[-3:]
        array = context.make_array(sig.args[-3])(context, builder, buffer)
        view = cgutils.create_struct_proxy(kind)(context, builder)
        view.data = builder.gep(array.data, [start], inbounds=True)
        view.sizes = sizes
        return view._getvalue()

    return code


@intrinsic
def rows(typingctx, lanes, buffer, start, sizes):
    """Return a view of a flat float32 buffer as vectors, from `start` on."""
    # `sizes` has all axes but the first. The caller keeps the buffer alive.
    kind = Rows(lanes.parts, len(sizes))
    whole = types.UniTuple(types.intp, len(sizes))
    return kind(lanes, buffer, types.intp, whole), _view(kind)


@intrinsic
def numbers(typingctx, buffer, start, sizes):
    """Return the same view as `rows`, of numbers instead of vectors."""
    kind = Rows((), len(sizes))
    whole = types.UniTuple(types.intp, len(sizes))
    return kind(buffer, types.intp, whole), _view(kind)


def _pointers(context, builder, sig, args):
    """Yield a pointer to each part of the vector at an index."""
    kind = sig.args[0]
    view = cgutils.create_struct_proxy(kind)(context, builder, args[0])
    at, *indices = cgutils.unpack_tuple(builder, args[1])
    sizes = cgutils.unpack_tuple(builder, view.sizes)
    for size, index in zip(sizes, indices):
        at = builder.add(builder.mul(at, size, flags=NSW), index, flags=NSW)
    if not kind.parts:
        yield builder.gep(view.data, [at], inbounds=True)
    at = builder.mul(at, LONG(sum(kind.parts)), flags=NSW)
    for count in kind.parts:
        pointer = builder.gep(view.data, [at], inbounds=True)
        yield builder.bitcast(pointer, ir.VectorType(FLOAT, count).as_pointer())
        at = builder.add(at, LONG(count), flags=NSW)


def _signature(view):
    """Return the types of a view's elements and of its index."""
    held = Vector(view.parts) if view.parts else types.float32
    return held, types.UniTuple(types.intp, view.inner + 1)


@infer_global(operator.getitem)
class _Load(AbstractTemplate):
    def generic(self, args, kws):
        if isinstance(args[0], Rows):
            held, whole = _signature(args[0])
            return held(args[0], whole)


@infer_global(operator.setitem)
class _Store(AbstractTemplate):
    def generic(self, args, kws):
        if isinstance(args[0], Rows):
            held, whole = _signature(args[0])
            return types.void(args[0], whole, held)


@lower_builtin(operator.getitem, Rows, types.BaseTuple)
def _load(context, builder, sig, args):
    places = _pointers(context, builder, sig, args)
    parts = [builder.load(place, align=4) for place in places]
    return join(builder, parts) if sig.args[0].parts else parts[0]


@lower_builtin(operator.setitem, Rows, types.BaseTuple, types.Any)
def _store(context, builder, sig, args):
    view = sig.args[0]
    parts = split(builder, args[2], view) if view.parts else args[2:]
    for part, place in zip(parts, _pointers(context, builder, sig, args)):
        builder.store(part, place, align=4)


@inline
def tanh(x):
    """Return tanh by a quotient of polynomials, with an error of 3e-7."""
    x = clip(x, f4(-9.01), f4(9.01))
    s = x * x
    p = fma(s, f4(1.3402055864e-08), f4(2.0648550544e-05))
    p = fma(p, s, f4(3.4982276839e-03))
    p = fma(p, s, f4(1.3383334547e-01))
    q = fma(s, f4(7.7974916450e-07), f4(3.2897789644e-04))
    q = fma(q, s, f4(2.5887287031e-02))
    q = fma(q, s, f4(4.6716655915e-01))
    return x * fma(p, s, ONE) / fma(q, s, ONE)


@inline
def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return fma(HALF, tanh(HALF * x), HALF)


@inline
def exp(x):
    """Return e ** x by Cephes's polynomial, with an error of 2e-7."""
    x = clip(x, f4(-87), f4(87))
    # Rounds to an integer: float32 of this size have no fractional digits.
    n = (x * f4(1.44269504) + f4(12582912)) - f4(12582912)
    x = fma(n, f4(-0.693359375), x)
    x = fma(n, f4(2.12194440e-4), x)
    p = fma(x, f4(1.9875691500e-4), f4(1.3981999507e-3))
    p = fma(p, x, f4(8.3334519073e-3))
    p = fma(p, x, f4(4.1665795894e-2))
    p = fma(p, x, f4(1.6666665459e-1))
    p = fma(p, x, f4(5.0000001201e-1))
    return (fma(p, x * x, x) + ONE) * power_of_two(n)
