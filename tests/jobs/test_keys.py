"""What names a job and what names an occurrence."""

import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cronkit.jobs.ids import IdSource
from cronkit.jobs.keys import Cause, JobKey, occurrence_key
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
JOB = JobKey("default", "nightly", 1)


def test_a_job_key_reads_as_namespace_id_and_generation() -> None:
    assert str(JobKey("billing", "nightly", 3)) == "billing/nightly@3"


@pytest.mark.parametrize(
    "other",
    [
        occurrence_key(JobKey("default", "nightly", 2), Cause.SCHEDULE, NOW, ""),
        occurrence_key(JobKey("other", "nightly", 1), Cause.SCHEDULE, NOW, ""),
        occurrence_key(JOB, Cause.BACKFILL, NOW, ""),
        occurrence_key(JOB, Cause.SCHEDULE, NOW + timedelta(seconds=1), ""),
        occurrence_key(JOB, Cause.SCHEDULE, NOW, "token"),
    ],
)
def test_each_part_of_its_key_makes_another_occurrence(other: object) -> None:
    assert occurrence_key(JOB, Cause.SCHEDULE, NOW, "") != other


def test_a_manual_occurrence_is_told_by_its_token_alone() -> None:
    first, again = (occurrence_key(JOB, Cause.MANUAL, NOW + timedelta(seconds=s), "click") for s in (0, 1))

    assert first == again
    assert first != occurrence_key(JOB, Cause.MANUAL, NOW, "another")


def test_an_instant_is_one_key_in_every_zone() -> None:
    in_paris = NOW.astimezone(ZoneInfo("Europe/Paris"))
    assert occurrence_key(JOB, Cause.SCHEDULE, NOW, "") == occurrence_key(JOB, Cause.SCHEDULE, in_paris, "")


def test_a_row_and_its_snapshot_have_one_key() -> None:
    row = RunRow("run", JOB, Cause.SCHEDULE, NOW, NOW + timedelta(minutes=5), "", RunStatus.QUEUED, NOW)

    assert row.key == row.snapshot().key == occurrence_key(JOB, Cause.SCHEDULE, NOW, "")


def test_ids_are_24_hexadecimal_digits_and_do_not_repeat() -> None:
    ids = IdSource()
    made = {ids.new() for _ in range(10_000)}

    assert len(made) == 10_000
    assert all(len(each) == 24 and set(each) <= set("0123456789abcdef") for each in made)


def test_ids_of_one_source_rise_so_that_an_index_of_them_grows_at_one_place() -> None:
    ids = IdSource(seed=7)
    made = [ids.new() for _ in range(10_000)]

    assert made == sorted(made)


def test_ids_go_on_beyond_the_highest_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random.Random, "getrandbits", lambda self, bits: 2**bits - 1)
    ids = IdSource()

    assert [ids.new(), ids.new()] == ["f" * 24, "0" * 24]


def test_a_seed_fixes_the_ids() -> None:
    first, again, other = IdSource(seed=7), IdSource(seed=7), IdSource(seed=8)

    assert [first.new() for _ in range(3)] == [again.new() for _ in range(3)]
    assert first.new() != other.new()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    script = """
import os
from cronkit.jobs.ids import IdSource
ids = IdSource()
ids.new()
child = os.fork()
if child:
    os.waitpid(child, 0)
print(ids.new())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert len(set(done.stdout.split())) == 2
