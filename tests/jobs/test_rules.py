"""The rules that a store applies inside its transactions, and the check that sizes share."""

from typing import Any

import pytest

from cronkit.errors import ConfigurationError
from cronkit.jobs.page import Page
from cronkit.jobs.policies import CRASH_RERUNS, LIBRARY_DEFAULTS, OnCrash, Overlap, read_policies
from cronkit.jobs.rules import after_crash, is_refused, is_spent, must_wait
from cronkit.jobs.status import RunStatus
from cronkit.jobs.validation import whole_number


@pytest.mark.parametrize("overlap", list(Overlap))
def test_only_skip_refuses_and_only_behind_another_run(overlap: Overlap) -> None:
    assert not is_refused(overlap, None)
    assert is_refused(overlap, "other") == (overlap is Overlap.SKIP)


@pytest.mark.parametrize("overlap", list(Overlap))
def test_whoever_is_not_first_waits_unless_runs_may_overlap(overlap: Overlap) -> None:
    assert not must_wait(overlap, "first", ("first", "second"))
    assert must_wait(overlap, "second", ("first", "second")) == (overlap is not Overlap.ALLOW)
    assert not must_wait(overlap, "alone", ())


def test_a_job_is_spent_after_its_max_runs() -> None:
    twice = read_policies(LIBRARY_DEFAULTS, {"max_runs": 2})

    assert [is_spent(twice, spawned) for spawned in range(4)] == [False, False, True, True]
    assert not is_spent(LIBRARY_DEFAULTS, 10**9)


def test_a_rerun_is_granted_three_times() -> None:
    assert CRASH_RERUNS == 3
    assert [after_crash(OnCrash.RERUN, crashes) for crashes in (1, 2, 3)] == [RunStatus.QUEUED] * 3
    assert after_crash(OnCrash.RERUN, 4) is RunStatus.ABANDONED


def test_fail_never_starts_a_run_again_and_hold_leaves_it_to_a_person() -> None:
    assert after_crash(OnCrash.FAIL, 1) is RunStatus.ABANDONED
    assert after_crash(OnCrash.HOLD, 1) is RunStatus.HELD
    assert after_crash(OnCrash.HOLD, 99) is RunStatus.HELD


@pytest.mark.parametrize("value", [1, 5, 10])
def test_a_whole_number_in_its_range_passes(value: int) -> None:
    assert whole_number("size", value, low=1, high=10) == value


@pytest.mark.parametrize("value", [0, 11, -1, 1.0, True, "5", None])
def test_anything_else_is_refused_with_its_name_and_range(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"size=.*: give a whole number, from 1 to 10; try 5"):
        whole_number("size", value, low=1, high=10, hint="try 5")


def test_a_number_without_an_upper_limit_may_be_any_size() -> None:
    assert whole_number("size", 10**30) == 10**30
    with pytest.raises(ConfigurationError, match="1 or more"):
        whole_number("size", 0)


def test_a_page_is_a_sequence_with_a_cursor() -> None:
    page = Page(["a", "b", "c"], "c")

    assert (len(page), page[0], page[-1], page[1:], list(page)) == (3, "a", "c", ("b", "c"), ["a", "b", "c"])
    assert "b" in page
    assert page.cursor == "c"
    assert repr(page) == "Page(['a', 'b', 'c'], cursor='c')"
