"""Declarations as text: they come back equal, small rows stay small, and what is newer or damaged is not guessed at."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.errors import ConfigurationError, UnreadableError
from cronkit.jobs import documents
from cronkit.jobs.documents import (
    fingerprint,
    pause_from_text,
    pause_to_text,
    policies_from_json,
    policies_to_json,
    schedule_from_json,
    schedule_to_json,
    spec_from_text,
    spec_to_text,
)
from cronkit.jobs.job import JobSpec, Pause
from cronkit.jobs.policies import LIBRARY_DEFAULTS, Missed, MissedKind, OnCrash, Overlap, Policies, Retry
from cronkit.schedules import At, Cron, Every, Manual, Schedule
from tests.jobs.values import TEXTS, VALUES, likeness
from tests.schedules.strategies import schedules

PLAIN = JobSpec(id="job", target="send", schedule=Every("5m"), executor="default")
PLAIN_TEXT = '{"executor":"default","id":"job","schedule":{"period":"5m","type":"every"},"target":"send","v":1}'

DURATIONS = st.timedeltas(timedelta(microseconds=1), timedelta(days=10_000))
POLICIES = st.builds(
    Policies,
    missed=st.builds(
        Missed, kind=st.sampled_from(MissedKind), within=st.none() | DURATIONS, limit=st.integers(1, 10**6)
    ),
    overlap=st.sampled_from(Overlap),
    retry=st.builds(
        Retry,
        attempts=st.integers(1, 100),
        delay=st.just(timedelta()) | DURATIONS,
        backoff=st.integers(1, 9) | st.floats(1, 1000),
        max_delay=DURATIONS,
    ),
    on_crash=st.sampled_from(OnCrash),
    timeout=st.none() | DURATIONS,
    spread=st.just(timedelta()) | DURATIONS,
    jitter=st.just(timedelta()) | DURATIONS,
    max_runs=st.none() | st.integers(1, 10**9),
)
SPECS = st.builds(
    JobSpec,
    id=TEXTS,
    target=TEXTS,
    schedule=schedules(),
    executor=TEXTS,
    args=st.lists(VALUES, max_size=2).map(tuple),
    kwargs=st.dictionaries(TEXTS, VALUES, max_size=2),
    policies=POLICIES | st.just(LIBRARY_DEFAULTS),
    name=st.none() | TEXTS,
    description=st.none() | TEXTS,
    metadata=st.dictionaries(TEXTS, VALUES, max_size=2),
    tags=st.frozensets(TEXTS, max_size=3),
    owner=st.none() | TEXTS,
)


# Laws


@given(SPECS)
def test_a_declaration_comes_back_as_it_was(spec: JobSpec) -> None:
    found = spec_from_text(spec_to_text(spec))
    for field in fields(JobSpec):
        given_value, read_value = getattr(spec, field.name), getattr(found, field.name)
        if field.name in ("args", "kwargs", "metadata"):
            assert likeness(read_value) == likeness(given_value)
        else:
            assert read_value == given_value


@given(SPECS)
def test_a_declaration_that_was_read_is_written_alike(spec: JobSpec) -> None:
    text = spec_to_text(spec)
    assert spec_to_text(spec_from_text(text)) == text


@given(SPECS)
def test_a_declaration_that_was_read_has_the_fingerprint_it_had(spec: JobSpec) -> None:
    assert fingerprint(spec_from_text(spec_to_text(spec))) == fingerprint(spec)


@given(POLICIES)
def test_policies_come_back_as_they_were(policies: Policies) -> None:
    assert policies_from_json(json.loads(json.dumps(policies_to_json(policies)))) == policies


@given(schedules())
def test_a_schedule_comes_back_as_it_was(schedule: Schedule) -> None:
    assert schedule_from_json(json.loads(json.dumps(schedule_to_json(schedule)))) == schedule


@given(
    st.builds(
        Pause,
        since=st.datetimes(timezones=st.just(UTC)),
        until=st.none() | st.datetimes(timezones=st.just(UTC)),
        reason=st.none() | TEXTS,
        by=st.none() | TEXTS,
    )
)
def test_a_pause_comes_back_as_it_was(pause: Pause) -> None:
    assert pause_from_text(pause_to_text(pause)) == pause


# The text


def test_a_plain_job_is_a_small_row_of_sorted_fields_without_its_defaults() -> None:
    assert spec_to_text(PLAIN) == PLAIN_TEXT


def test_the_text_of_a_full_declaration_is_fixed_for_the_rows_that_hold_it() -> None:
    spec = JobSpec(
        id="nightly",
        target="etl",
        schedule=Cron("30 2 * * *", tz="Europe/Paris"),
        executor="default",
        args=((1, 2),),
        kwargs={"n": 1},
        policies=Policies(
            missed=Missed.latest(within="6h"),
            overlap=Overlap.QUEUE,
            retry=Retry(attempts=3, delay="5s", backoff=2),
            on_crash=OnCrash.HOLD,
            timeout=timedelta(seconds=90),
        ),
        name="Nightly",
        description="loads",
        metadata={"team": "data"},
        tags=frozenset({"etl", "db"}),
        owner="ann",
    )
    assert json.loads(spec_to_text(spec)) == {
        "args": [{"$tuple": [1, 2]}],
        "description": "loads",
        "executor": "default",
        "id": "nightly",
        "kwargs": {"n": 1},
        "metadata": {"team": "data"},
        "name": "Nightly",
        "owner": "ann",
        "policies": {
            "missed": {"within": "6h"},
            "on_crash": "hold",
            "overlap": "queue",
            "retry": {"attempts": 3, "backoff": 2.0, "delay": "5s"},
            "timeout": "1m30s",
        },
        "schedule": {"text": "30 2 * * *", "type": "cron", "tz": "Europe/Paris"},
        "tags": ["db", "etl"],
        "target": "etl",
        "v": 1,
    }


def test_what_is_not_in_the_text_takes_its_default() -> None:
    assert spec_from_text(PLAIN_TEXT) == PLAIN


def test_jobs_of_default_policies_share_them() -> None:
    assert spec_from_text(PLAIN_TEXT).policies is LIBRARY_DEFAULTS


def test_every_field_of_a_declaration_and_every_policy_can_be_read() -> None:
    assert set(documents._SPEC_FIELDS) == {field.name for field in fields(JobSpec)}
    assert set(documents._POLICY_READERS) == {field.name for field in fields(Policies)}
    assert set(documents._MISSED_READERS) == {field.name for field in fields(Missed)}
    assert set(documents._RETRY_READERS) == {field.name for field in fields(Retry)}
    assert set(documents._PAUSE_FIELDS) == {field.name for field in fields(Pause)}


def test_members_of_a_text_enum_are_written_as_their_text() -> None:
    class Team(StrEnum):
        DATA = "data"

    spec = replace(PLAIN, owner=Team.DATA, tags=frozenset({Team.DATA}))
    assert spec_from_text(spec_to_text(spec)) == spec


def test_any_mapping_may_hold_the_arguments() -> None:
    spec = replace(PLAIN, kwargs=MappingProxyType({"n": 1}))
    assert spec_from_text(spec_to_text(spec)).kwargs == {"n": 1}


def test_the_instants_of_a_pause_are_read_as_utc() -> None:
    pause = pause_from_text('{"since":"2027-01-01T01:00:00+01:00","v":1}')
    assert pause.since == datetime(2027, 1, 1, tzinfo=UTC)
    assert pause.since.tzinfo is UTC


# Fingerprints


def test_the_fingerprint_of_a_declaration_is_fixed() -> None:
    assert fingerprint(PLAIN) == "65e02bf52fdf6f9b"


def test_the_order_of_tags_sets_and_dicts_does_not_change_a_fingerprint() -> None:
    def made(order: Any) -> JobSpec:
        names = ["a", "b", "c"]
        kwargs = {name: {"set": set(order(names)), "pairs": dict.fromkeys(order([1, 2]))} for name in order(names)}
        return replace(PLAIN, kwargs=kwargs, metadata=dict.fromkeys(order(names)), tags=frozenset(order(names)))

    assert fingerprint(made(list)) == fingerprint(made(lambda items: items[::-1]))


def test_each_thing_that_a_person_chooses_changes_the_fingerprint() -> None:
    changes: Mapping[str, Any] = {
        "id": "other",
        "target": "other",
        "schedule": Every("6m"),
        "executor": "other",
        "args": (1,),
        "kwargs": {"n": 1},
        "policies": Policies(overlap=Overlap.QUEUE),
        "name": "other",
        "description": "other",
        "metadata": {"n": 1},
        "tags": frozenset({"other"}),
        "owner": "other",
    }
    assert set(changes) == {field.name for field in fields(JobSpec)}
    prints = [fingerprint(PLAIN), *(fingerprint(replace(PLAIN, **{name: value})) for name, value in changes.items())]
    assert all(one != other for one, other in itertools.combinations(prints, 2))


def test_another_process_with_another_hash_seed_finds_the_same_fingerprint() -> None:
    program = """
from cronkit.jobs.documents import fingerprint
from cronkit.jobs.job import JobSpec
from cronkit.schedules import Every
tags, kwargs = frozenset(map(str, range(50))), {"s": {"a", "b", "c"}}
print(fingerprint(JobSpec(id="job", target="send", schedule=Every("5m"), executor="default", tags=tags, kwargs=kwargs)))
"""
    found = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        found.add(ran.stdout)
    assert len(found) == 1


# What cannot be written


class Lunar(Manual):
    """A schedule of the application's own."""


class Anywhere(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


def test_a_schedule_of_another_type_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match=r"tests\.jobs\.test_documents\.Lunar cannot be stored.*memory store"):
        schedule_to_json(Lunar())


def test_a_schedule_in_a_zone_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has no name to store it by"):
        schedule_to_json(Cron("0 9 * * *", tz=Anywhere()))


def test_a_schedule_in_a_zone_that_no_other_process_knows_is_refused() -> None:
    with (files("tzdata.zoneinfo") / "UTC").open("rb") as file:
        made_up = ZoneInfo.from_file(file, key="Mars/Olympus")
    with pytest.raises(ConfigurationError, match="Mars/Olympus"):
        schedule_to_json(Cron("0 9 * * *", tz=made_up))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"args": (1, [len])}, r"^job 'job': args\[1\]\[0\] is a function \(len\)"),
        ({"kwargs": {"f": lambda: 1}}, r"^job 'job': kwargs\['f'\] is a lambda"),
        ({"metadata": {"m": object()}}, r"^job 'job': metadata\['m'\] is of type object"),
        ({"owner": 5}, "owner=5: give a text"),
        ({"tags": frozenset({1})}, "tags=1: give a text"),
        ({"args": ("x" * 2**20,)}, r"^job 'job': args\[0\] is longer than"),
        ({"policies": Policies(timeout=timedelta(0))}, "timeout=.*more than zero"),
    ],
)
def test_a_declaration_that_cannot_be_stored_is_refused_with_its_job_and_place(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        spec_to_text(replace(PLAIN, **change))


# What cannot be read


def changed(**changes: Any) -> str:
    document = json.loads(PLAIN_TEXT) | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("null", "the text is a NoneType"),
        ("[]", "the text is a list"),
        ('{"$tuple":[]}', "the text is a tuple"),
        (changed(v=2), "a newer version of cronkit wrote this, in format 2; this one reads up to 1: upgrade it"),
        (changed(v=...), "names no format"),
        (changed(v=True), "names no format"),
        (changed(v=0), "names no format"),
        (changed(v="2"), "names no format"),
        (changed(colour="red"), "has a field 'colour', which a newer version"),
        (changed(id=...), "id is missing"),
        (changed(target=...), "target is missing"),
        (changed(schedule=...), "schedule is missing"),
        (changed(executor=5), "executor is a int where a str belongs"),
        (changed(args={}), "args is a dict where a list belongs"),
        (changed(args=[{"$new": 1}]), "the tag '$new' is not known"),
        (changed(args=[{"$dataclass": ["gone", {}]}]), "no dataclass is registered as 'gone'"),
        (changed(kwargs={"$dict": [[1, 1]]}), "kwargs holds something else than texts"),
        (changed(tags=[1]), "tags holds something else than texts"),
        (changed(schedule={"type": "moon"}), "no schedule"),
        (
            changed(schedule={"type": "cron", "text": "61 * * * *"}),
            "the schedule cannot be read: ScheduleError: minute",
        ),
        (changed(schedule={"type": "cron", "text": "* * * * *", "tz": "Mars/Olympus"}), "zone 'Mars/Olympus'"),
        (changed(schedule={"type": "cron", "text": "* * * * *", "tz": 5}), "holds a int where a str"),
        (changed(schedule={"type": "cron", "text": "* * * * *", "moon": 5}), "moon"),
        (changed(policies={"colour": 1}), "policies has a field 'colour'"),
        (changed(policies={"overlap": "sometimes"}), "sometimes"),
        (changed(policies={"timeout": 5}), "a duration is a int where a str belongs"),
        (changed(policies={"timeout": "-5s"}), "the policies cannot be read"),
        (changed(policies={"max_runs": 0}), "max_runs=0"),
        (changed(policies={"max_runs": True}), "max_runs=True"),
        (changed(policies={"missed": "all"}), "missed is a str where a dict belongs"),
        (changed(policies={"missed": {"limit": "x"}}), "limit='x'"),
        (changed(policies={"missed": {"when": "x"}}), "missed has a field 'when'"),
        (changed(policies={"retry": {"backoff": 0.5}}), "backoff=0.5"),
        (changed(policies={"retry": {"backoff": {"$float": "nan"}}}), "backoff=nan"),
        (changed(policies={"overlap": []}), "the policies cannot be read"),
    ],
)
def test_a_declaration_that_cannot_be_read_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableError) as refusal:
        spec_from_text(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"v":1}', "since is missing"),
        ('{"since":"2027-01-01T00:00:00","v":1}', "has no UTC offset"),
        ('{"since":"yesterday","v":1}', "'yesterday' is no date-time"),
        ('{"since":"0001-01-01T00:00:00+10:00","v":1}', "is no date-time"),
        ('{"since":"2027-01-01T00:00:00+00:00","until":5,"v":1}', "until is a int"),
        ('{"since":"2027-01-01T00:00:00+00:00","v":9}', "in format 9"),
    ],
)
def test_a_pause_that_cannot_be_read_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableError) as refusal:
        pause_from_text(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize("value", [None, [], "latest", {"missed": None}, {1: 1}])
def test_what_are_no_policies_cannot_be_read(value: Any) -> None:
    with pytest.raises(UnreadableError):
        policies_from_json(value)


@pytest.mark.parametrize("value", [None, [], "5m", {}, {"type": "every"}, {"type": "every", "period": []}, {1: 1}])
def test_what_is_no_schedule_cannot_be_read(value: Any) -> None:
    with pytest.raises(UnreadableError):
        schedule_from_json(value)


def test_a_one_shot_keeps_its_instant() -> None:
    spec = replace(PLAIN, schedule=At("2027-01-01T09:00+01:00"))
    assert spec_from_text(spec_to_text(spec)).schedule.next(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(
        2027, 1, 1, 8, tzinfo=UTC
    )
