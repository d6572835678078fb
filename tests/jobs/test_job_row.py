"""A job's row, as a store copies it."""

from cronkit.jobs.job import JobRow
from tests.engine.factories import make_job


def test_a_copy_has_everything_that_the_row_has() -> None:
    row = make_job("1h")
    for name in JobRow.__slots__:
        if name != "counters":
            setattr(row, name, object())
    copy = row.copy()
    assert {name: getattr(copy, name) for name in JobRow.__slots__} == {
        name: getattr(row, name) for name in JobRow.__slots__
    }


def test_what_a_copy_counts_is_its_own() -> None:
    row = make_job("1h")
    assert row.copy().counters is not row.counters
