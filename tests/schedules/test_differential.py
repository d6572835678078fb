"""Side by side with croniter, where its rules are these rules: naive readings, no L, W, # or H, five fields."""

from datetime import datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.schedules import Cron
from tests.schedules.oracle import MONTH_NAMES, WEEKDAY_NAMES

croniter = pytest.importorskip("croniter").croniter

STARTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda start: start.replace(microsecond=0))


def shared_field(rng: Random, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    """A field that both read alike: no wrap, no ``a/n``, no step beyond the range."""

    def written(number: int) -> str:
        return names[number - low].lower() if names and rng.random() < 0.4 else str(number)

    shape = rng.random()
    if shape < 0.3:
        return "*"
    if shape < 0.5:
        return f"*/{rng.randint(1, (high - low) // 2)}"
    if shape < 0.7:
        first, last = sorted(rng.sample(range(low, high + 1), 2))
        step = f"/{rng.randint(1, last - first)}" if rng.random() < 0.5 else ""
        return f"{written(first)}-{written(last)}{step}"
    return ",".join(written(rng.randint(low, high)) for _ in range(rng.choice((1, 1, 2, 3))))


def shared_expression(rng: Random) -> str:
    """Five fields of which at most one day field is restricted: how the two are joined is each tool's own rule."""
    minute, hour, month = shared_field(rng, 0, 59), shared_field(rng, 0, 23), shared_field(rng, 1, 12, MONTH_NAMES)
    day = shared_field(rng, 1, 28) if rng.random() < 0.5 else "*"
    weekday = shared_field(rng, 0, 6, WEEKDAY_NAMES) if day == "*" else "*"
    return f"{minute} {hour} {day} {month} {weekday}"


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), STARTS)
def test_the_next_occurrences_are_those_of_croniter(rng: Random, start: datetime) -> None:
    text = shared_expression(rng)
    peer = croniter(text, start)
    assert Cron(text).upcoming(8, after=start) == [peer.get_next(datetime) for _ in range(8)], text


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), STARTS)
def test_the_previous_occurrences_are_those_of_croniter(rng: Random, start: datetime) -> None:
    text = shared_expression(rng)
    cron, peer, here = Cron(text), croniter(text, start), start
    for _ in range(5):
        earlier = cron.previous(here)
        assert earlier == peer.get_prev(datetime), text
        assert earlier is not None
        here = earlier


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), STARTS)
def test_the_dialect_of_croniter_reads_its_seconds_alike(rng: Random, start: datetime) -> None:
    text = f"{shared_expression(rng)} {shared_field(rng, 0, 59)}"
    peer = croniter(text, start)
    cron = Cron(text, dialect="croniter")
    assert cron.upcoming(8, after=start) == [peer.get_next(datetime) for _ in range(8)], text


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), STARTS)
def test_both_day_fields_restricted_without_a_star_are_joined_as_croniter_does(rng: Random, start: datetime) -> None:
    text = f"0 0 {rng.randint(1, 28)} * {rng.randint(0, 6)}"
    peer = croniter(text, start)
    assert Cron(text).upcoming(8, after=start) == [peer.get_next(datetime) for _ in range(8)], text
