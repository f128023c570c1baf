"""Digits row by row: a fixed split, a memory, and a table that comes back."""

import re

import numpy as np
import pytest

from memnets import RowReader
from memnets.records.series import recorded_digits
from memnets.series import digits
from memnets.series.digits import Digits, correct, load_digits, read_pixels

pytestmark = pytest.mark.versions
pytest.importorskip("sklearn")
QUICK = RowReader(units=16, episodes=400)


@pytest.fixture(scope="module")
def parts():
    return load_digits()


def test_the_split_is_fixed_and_loses_no_image(parts):
    from sklearn.datasets import load_digits as bundled

    train, test = parts
    assert train.images.shape == (1297, 8, 8) and len(test.labels) == 500
    whole = np.concatenate([train.images, test.images])
    np.testing.assert_array_equal(16 * whole, bundled().images)
    assert whole.min() == 0 and whole.max() == 1
    counts = np.bincount(test.labels, minlength=10)
    assert counts.min() > 40


def test_an_answer_depends_on_the_rows_read_and_on_no_later_one(parts):
    train, test = parts
    some = Digits(test.images[:20], test.labels[:20])
    upside = Digits(some.images.copy(), some.labels)
    upside.images[:, 4:] = upside.images[:, 4:][:, ::-1]
    one, two = (QUICK.read(train, part) for part in (some, upside))
    np.testing.assert_array_equal(one[:, :4], two[:, :4])
    # The last row is not what has changed most: the memory has.
    assert np.abs(one[:, 7] - two[:, 7]).max() > 0.01
    first = Digits(some.images.copy(), some.labels)
    first.images[:, 0] = 1 - first.images[:, 0]
    assert np.abs(QUICK.read(train, first) - one)[:, 7].max() > 0.01


def test_a_network_reads_better_than_any_guess(parts):
    answers = QUICK.read(*parts)
    np.testing.assert_allclose(answers.sum(axis=-1), 1, rtol=1e-5)
    share = correct(answers, parts[1])
    assert share.shape == (8,) and share[7] > 0.7


def test_one_seed_gives_one_network(parts):
    train, test = parts
    some = Digits(test.images[:5], test.labels[:5])
    quick = RowReader(units=4, episodes=5, seed=2)
    np.testing.assert_array_equal(
        quick.read(train, some), quick.read(train, some)
    )
    other = RowReader(units=4, episodes=5, seed=3)
    assert np.all(quick.read(train, some) != other.read(train, some))


def test_the_table_is_whole_and_comes_back(parts):
    frame = recorded_digits()
    count = {"logistic regression": 8}
    count |= {"LSTM, asked at the end": 10, "LSTM, after every row": 80}
    assert frame["model"].value_counts().to_dict() == count
    own = frame[(frame["model"] == "LSTM, asked at the end")]
    share = correct(RowReader().read(*parts), parts[1])[7]
    assert own["correct"].iloc[0] == pytest.approx(share)
    assert own["weights"].iloc[0] == RowReader().count_weights() == 5578
    linear = frame[frame["model"] == "logistic regression"]
    share = correct(read_pixels(*parts), parts[1])
    assert linear["correct"].iloc[7] == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda: RowReader(units=0), ValueError, "units must be at least 1"),
        (lambda: RowReader(seed=-1), ValueError, "seed must be at least 0"),
        (
            lambda: RowReader(every_row=3),
            TypeError,
            "every_row must be True or False, got 3",
        ),
        (
            lambda: read_pixels(*load_digits(), rows=9),
            ValueError,
            "rows must be at most 8, got 9",
        ),
    ],
)
def test_bad_input_is_refused(act, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        act()
    assert digits.ROWS == 8
