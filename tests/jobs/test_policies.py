"""Policies: their shorthands, what they refuse, and what a retry waits."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.errors import ConfigurationError
from cronkit.jobs.policies import (
    LIBRARY_DEFAULTS,
    Defaults,
    Missed,
    MissedKind,
    OnCrash,
    Overlap,
    Policies,
    Retry,
    read_policies,
)


def read(**given: Any) -> Policies:
    return read_policies(LIBRARY_DEFAULTS, given)


# What holds where nobody says otherwise


def test_by_default_the_latest_runs_and_nothing_is_too_late() -> None:
    assert read().missed == Missed.latest()
    assert read().missed.within is None


def test_by_default_runs_do_not_overlap_are_not_retried_and_start_again_after_a_crash() -> None:
    assert (read().overlap, read().retry, read().on_crash) == (Overlap.SKIP, Retry(attempts=1), OnCrash.RERUN)


def test_by_default_nothing_is_limited_or_moved() -> None:
    policies = read()
    assert (policies.timeout, policies.spread, policies.jitter, policies.max_runs) == (
        None,
        timedelta(),
        timedelta(),
        None,
    )


# Shorthands


@pytest.mark.parametrize(
    ("shorthand", "value"),
    [
        ({"missed": "latest"}, {"missed": Missed.latest()}),
        ({"missed": "skip"}, {"missed": Missed.skip(grace="1s")}),
        ({"missed": "all"}, {"missed": Missed.all(limit=100)}),
        ({"missed": Missed.latest(within="6h")}, {"missed": Missed(within=timedelta(hours=6))}),
        ({"overlap": "queue"}, {"overlap": Overlap.QUEUE}),
        ({"overlap": Overlap.ALLOW}, {"overlap": Overlap.ALLOW}),
        ({"on_crash": "hold"}, {"on_crash": OnCrash.HOLD}),
        ({"retry": 3}, {"retry": Retry(attempts=3)}),
        ({"retry": Retry(attempts=2, delay="5s")}, {"retry": Retry(attempts=2, delay=timedelta(seconds=5))}),
        ({"timeout": "1m30s"}, {"timeout": timedelta(seconds=90)}),
        ({"timeout": timedelta(hours=1)}, {"timeout": timedelta(hours=1)}),
        ({"spread": "PT5M"}, {"spread": timedelta(minutes=5)}),
        ({"jitter": "10 seconds"}, {"jitter": timedelta(seconds=10)}),
        ({"max_runs": 1}, {"max_runs": 1}),
    ],
    ids=str,
)
def test_a_shorthand_means_its_value(shorthand: dict[str, Any], value: dict[str, Any]) -> None:
    assert read(**shorthand) == Policies(**value)


def test_what_is_none_keeps_what_was_there() -> None:
    base = read(overlap="allow", timeout="5s")

    assert read_policies(base, {"overlap": None, "timeout": None}) == base
    assert read_policies(base, {"overlap": "queue"}).timeout == timedelta(seconds=5)


def test_defaults_are_read_like_a_jobs_own_policies() -> None:
    defaults = Defaults(
        missed="skip", overlap="queue", retry=2, on_crash="fail", timeout="9s", spread="1m", jitter="2s"
    )

    assert defaults.policies() == read(
        missed="skip", overlap="queue", retry=2, on_crash="fail", timeout="9s", spread="1m", jitter="2s"
    )
    assert Defaults().policies() == LIBRARY_DEFAULTS


def test_a_job_is_plain_when_its_one_due_occurrence_runs_at_its_nominal_time_however_late() -> None:
    assert read().is_plain
    assert read(missed="all", overlap="queue").is_plain
    for moved_or_limited in ({"spread": "1m"}, {"jitter": "1m"}, {"missed": "skip"}):
        assert not read(**moved_or_limited).is_plain
    assert not read(missed=Missed.latest(within="1h")).is_plain


# Refusals


@pytest.mark.parametrize("policy", ["timeout", "spread", "jitter"])
@pytest.mark.parametrize("value", [10, 2.5, True, "10", "0s", "-5s", "", "soon", timedelta(), timedelta(seconds=-1)])
def test_what_is_no_duration_is_refused_by_name(policy: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{policy}="):
        read(**{policy: value})


def test_a_bare_number_for_a_duration_is_answered_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match="10s"):
        read(timeout=10)


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"missed": "newest"}, "'latest', 'skip' or 'all'"),
        ({"missed": 1}, "'latest', 'skip' or 'all'"),
        ({"overlap": "queued"}, "'skip', 'queue', 'allow', 'cancel_running'"),
        ({"overlap": True}, "'skip', 'queue', 'allow', 'cancel_running'"),
        ({"on_crash": "retry"}, "'rerun', 'fail', 'hold'"),
        ({"retry": "3"}, r"Retry\(attempts=3, delay='5s'\)"),
        ({"retry": True}, r"Retry\(attempts=3, delay='5s'\)"),
        ({"retry": 2.0}, r"Retry\(attempts=3, delay='5s'\)"),
        ({"retry": 0}, "attempts=0: give a whole number, 1 or more; it counts the first"),
        ({"max_runs": 0}, "max_runs=0: give a whole number"),
        ({"max_runs": True}, "max_runs=True: give a whole number"),
        ({"max_runs": "1"}, "max_runs='1': give a whole number"),
    ],
    ids=str,
)
def test_a_value_that_its_policy_does_not_know_is_answered_with_those_it_knows(
    given: dict[str, Any], known: str
) -> None:
    with pytest.raises(ConfigurationError, match=known):
        read(**given)


def test_defaults_refuse_what_a_job_would_refuse() -> None:
    with pytest.raises(ConfigurationError, match="timeout=10"):
        Defaults(timeout=10).policies()  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "9"])
def test_a_catch_up_limit_is_a_whole_number(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="limit="):
        Missed.all(limit=limit)


def test_a_lateness_limit_is_a_duration() -> None:
    with pytest.raises(ConfigurationError, match="within=6"):
        Missed.latest(within=6)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="grace='0s'"):
        Missed.skip(grace="0s")


@pytest.mark.parametrize(
    "given",
    [{"attempts": 0}, {"attempts": True}, {"attempts": 1.5}, {"delay": 5}, {"delay": "-1s"}, {"backoff": 0.5},
     {"backoff": 1001}, {"backoff": float("nan")}, {"backoff": "2"}, {"backoff": None}, {"backoff": True},
     {"max_delay": 60}, {"max_delay": "0s"}],
    ids=str,
)  # fmt: skip
def test_a_retry_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(given))):
        Retry(**given)


# Waiting


def test_the_number_of_attempts_counts_the_first() -> None:
    assert Retry(attempts=1).wait(1) is None
    assert Retry(attempts=3).wait(2) is not None
    assert Retry(attempts=3).wait(3) is None


def test_the_wait_grows_by_the_backoff_up_to_the_longest() -> None:
    retry = Retry(attempts=9, delay="5s", backoff=2.0, max_delay="30s")

    assert [retry.wait(attempt) for attempt in range(1, 6)] == [timedelta(seconds=s) for s in (5, 10, 20, 30, 30)]


def test_a_retry_without_a_delay_is_tried_at_once() -> None:
    assert Retry(attempts=2).wait(1) == timedelta()
    assert Retry(attempts=2, delay=timedelta()).wait(1) == timedelta()


def test_a_delay_over_the_longest_is_cut() -> None:
    assert Retry(attempts=2, delay="1d").wait(1) == timedelta(hours=1)


@given(
    st.builds(
        Retry,
        attempts=st.integers(1, 10**9),
        delay=st.timedeltas(timedelta(), timedelta(days=10_000)),
        backoff=st.floats(1, 1000),
        max_delay=st.timedeltas(timedelta(microseconds=1), timedelta(days=100_000)),
    ),
    st.integers(1, 10**9),
)
def test_no_wait_overflows_or_exceeds_the_longest(retry: Retry, attempt: int) -> None:
    wait = retry.wait(attempt)

    assert (wait is None) == (attempt >= retry.attempts)
    assert wait is None or timedelta() <= wait <= retry.max_delay  # type: ignore[operator]


def test_the_kinds_of_missed_are_named_like_their_shorthands() -> None:
    assert [str(kind) for kind in MissedKind] == ["latest", "skip", "all"]


# Classes that are called like functions of other libraries


def test_a_number_alone_is_how_many_attempts_a_retry_makes() -> None:
    assert Retry(3) == Retry(attempts=3)


def test_a_retry_of_a_duration_alone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="attempts='5s': give a whole number"):
        Retry("5s")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["skip", "latest", 5])
def test_a_missed_policy_made_of_its_name_is_refused_naming_the_ways(kind: Any) -> None:
    for make in (Missed, lambda kind: Missed(kind=kind)):
        with pytest.raises(ConfigurationError, match=r"missed='latest', 'skip' or 'all', or one of Missed\.latest"):
            make(kind)
