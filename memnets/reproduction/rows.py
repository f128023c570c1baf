"""The catalogue of the classic experiments."""

from memnets.reproduction.row import Row
from memnets.reproduction.rows_1997 import ROWS_OF_1997
from memnets.reproduction.rows_blocks import BLOCK_ROWS
from memnets.reproduction.rows_later import LATER_ROWS

ROWS: dict[str, Row] = {**ROWS_OF_1997, **LATER_ROWS, **BLOCK_ROWS}
