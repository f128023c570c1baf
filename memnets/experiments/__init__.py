"""Experiments: trainings as data, repeated over seeds, cells and tasks.

`experiment` is one, `catalogue` names those that we ran, `repeat` runs one for
many seeds, `table` many into a table, `compare` cells side by side;
`recordings` makes what the figures are drawn from. Experiments stand on top:
they may import everything but `plots` and `figures`.
"""
