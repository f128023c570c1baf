"""Recurrent cells that Keras lacks, as Keras layers; one file per paper.

`catalogue` names every cell, including Keras's own, without importing any.
`base` holds the base classes. Cells may import `tasks`, but neither
`networks` nor `training`. Each layer is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "elman": ["Elman", "ElmanCell"],
        "latch": ["latch"],
        "memory_gated": ["MemoryGated", "MemoryGatedCell"],
        "minimal": ["MinGRU", "MinGRUCell", "MinLSTM", "MinLSTMCell"],
        "original": ["LSTM1997", "LSTM1997Cell", "Staggered"],
        "peephole": ["PeepholeLSTM", "PeepholeLSTMCell"],
        "variants": ["VARIANTS", "VariantLSTM", "VariantLSTMCell"],
    },
)
