"""The classic experiments at full scale, under their own criteria.

`rows` is the catalogue of the experiments, with the published figures.
`rules` decide when a training stops and how it is tested. `original` trains
the LSTM of 1997 as in 1997, `modern` trains today's. `trials` repeats them
into a table, and `page` writes the table as text.
"""
