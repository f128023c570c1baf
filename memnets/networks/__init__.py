"""Networks: stacks of recurrent layers and their initial weights.

`build` builds them, `draws` draws initial weights by NumPy alone,
`initializers` wraps these draws for Keras, `reset` draws the weights of
another seed, `by_hand` sets weights by hand. Networks may import `tasks` and
`cells`, but not `training`.
"""
