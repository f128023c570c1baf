"""Recurrent networks from scratch in NumPy, written to be read.

`lstm` is the LSTM with backpropagation through time. `rtrl` is real-time
recurrent learning, which carries derivatives forward in time instead.
"""
