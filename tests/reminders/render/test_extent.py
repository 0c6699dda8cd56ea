"""The extent of a letter: all in full, else a row for each of the others, else what fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.reminders.render.extent import (
    FEWEST_IN_FULL,
    MOST_BYTES,
    MOST_IN_FULL,
    MOST_IN_TABLE,
    Extent,
    largest_extent,
)


def letter_of(number: int, frame: int, card: int, row: int):
    """Whether an extent fits, of a letter whose receivables are all of one size."""

    def fits(extent: Extent) -> bool:
        assert extent.shown <= number
        return frame + card * extent.in_full + row * extent.in_table <= MOST_BYTES

    return fits


@pytest.mark.parametrize(
    ("number", "extent"),
    [
        (0, Extent(0)),
        (1, Extent(1)),
        (17, Extent(17)),
        # one more than fits in full
        (18, Extent(17, 1)),
        (100, Extent(15, 85)),
        (500, Extent(5, 495)),
        (505, Extent(5, 500)),
        # from here on the table is not for all
        (506, Extent(5, 500)),
        (100_000, Extent(5, 500)),
    ],
)
def test_what_a_letter_shows_of_so_many_receivables(number, extent):
    assert largest_extent(number, letter_of(number, 20_000, 4_000, 100)) == extent


@pytest.mark.parametrize(
    ("frame", "card", "row", "extent"),
    [
        (90_000, 4_000, 100, Extent(0, 0)),
        (90_001, 4_000, 100, None),
        (20_000, 70_000, 1_000, Extent(1, 0)),
        (20_000, 69_000, 1_000, Extent(1, 1)),
        (20_000, 70_001, 1_000, Extent(0, 70)),
        (20_000, 70_001, 70_001, Extent(0, 0)),
    ],
)
def test_receivables_of_any_size_leave_the_letter_whole(frame, card, row, extent):
    assert largest_extent(500, letter_of(500, frame, card, row)) == extent


@given(
    st.integers(0, 3000), st.integers(0, 95_000), st.integers(1001, 90_000), st.integers(61, 1000)
)
def test_nothing_is_cut_and_nothing_more_would_fit(number, frame, card, row):
    fits = letter_of(number, frame, card, row)
    found = largest_extent(number, fits)
    if found is None:
        assert frame > MOST_BYTES
        return
    assert fits(found) and found.shown <= number
    # the oldest have their ways to pay before the others have a row
    is_first = found.in_full >= min(FEWEST_IN_FULL, number)
    assert is_first or not fits(Extent(found.in_full + 1))
    others = number - found.in_full
    if found.in_table < others:
        assert found.in_full <= FEWEST_IN_FULL
        assert not fits(Extent(found.in_full, found.in_table + 1))
    elif others:
        assert not fits(Extent(found.in_full + 1, others - 1))


def test_few_letters_are_tried():
    tried = []
    fits = letter_of(100_000, 20_000, 4_000, 100)
    largest_extent(100_000, lambda extent: tried.append(extent) or fits(extent))
    assert len(tried) < 20
    assert max(extent.in_full for extent in tried) <= MOST_IN_FULL
    assert max(extent.in_table for extent in tried) <= MOST_IN_TABLE
