"""Training kernels: plain loops that Numba compiles, the same bits everywhere.

`lanes` is a vector as a type; `cells` holds one step of each cell; `batch`
trains stacks of layers, `online` the LSTM of 1997. `network`, `optimizers` and
`engine` make them usable from NumPy; `keras_models` alone knows Keras.
"""
