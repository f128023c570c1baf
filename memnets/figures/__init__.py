"""Slide figures, drawn from recorded data.

`catalogue` lists and saves them, `own` draws a user's own runs, `drawings`
lays out figures of cells, `files` writes files with the same bytes every time.
Figures may import only `tasks`, `records` and `plots`.
"""
