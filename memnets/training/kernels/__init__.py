"""Training kernels: loops compiled by Numba, with the same bits everywhere.

`lanes` defines a vector type, `cells` one step of each cell. `batch` trains
stacks of layers, `online` the LSTM of 1997, `streams` that of 2000 and 2002
with forget gates and peepholes, step by step. `network`, `optimizers` and
`engine` connect `batch` to NumPy; only `keras_models` imports Keras.
"""
