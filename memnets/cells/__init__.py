"""Recurrent cells that Keras does not have, each as in its paper."""

from memnets.cells.elman import Elman, ElmanCell
from memnets.cells.latch import latch
from memnets.cells.memory_gated import MemoryGated, MemoryGatedCell
from memnets.cells.minimal import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from memnets.cells.original import LSTM1997, LSTM1997Cell, Staggered
from memnets.cells.peephole import PeepholeLSTM, PeepholeLSTMCell
from memnets.cells.variants import VARIANTS, VariantLSTM, VariantLSTMCell

__all__ = [
    "LSTM1997",
    "VARIANTS",
    "Elman",
    "ElmanCell",
    "LSTM1997Cell",
    "MemoryGated",
    "MemoryGatedCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "Staggered",
    "VariantLSTM",
    "VariantLSTMCell",
    "latch",
]
