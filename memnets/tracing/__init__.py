"""Tracing: what happens inside a network while it answers.

`trace` records every gate at every step; `gradient_flow` follows the error
back through time. Both let the recurrent layers of a model run through the
loop over time in `loop`, which keeps all values.
Tracing may import `tasks`, `records`, `cells` and `networks`.
"""
