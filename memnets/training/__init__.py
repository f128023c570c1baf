"""Training: the loop, and the engines that do the arithmetic.

`loop` trains, `recording` sets what is recorded, `batches` draws the
sequences. The engines are `kernels` in Numba, for stacks of LSTM and GRU
layers, and `compiled`, for any other Keras model; `engines` chooses.
Training may import only `tasks`, `records`, `cells` and `networks`.
"""
