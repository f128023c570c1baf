"""Measured series: prepared, forecast, and tested step by step.

`preparation` makes a series stationary and scales it, and inverts both.
`network` trains a small LSTM on windows, by the kernels. `rivals` are simple
and classical forecasters. `walk` tests all of them, origin by origin.
`study` repeats this over seeds, and `command` writes it into tables. `digits`
reads images row by row.
"""
