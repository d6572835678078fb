"""The file under running nodes: its disk full, read-only, moved away, replaced; commits that fail or do not answer.

A full disk is a small tmpfs that is really full (mounting it needs root). For everybody else, and for what no disk does
on demand, a connection of the node raises SQLite's error itself: before the commit for want of room, or after it.
"""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cronkit import Every
from cronkit.clock import utc_now
from cronkit.errors import StoreUnavailableError
from tests.faults.audit import summary
from tests.faults.faulty import run_failing, run_read_only_while_told
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import START
from tests.faults.node import LEASE
from tests.faults.scenarios import begin, close_books

Measured = Callable[[str], None]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 2 MB."""
    disk = tmp_path / "store"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a filesystem")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Use up all of a disk's room; return the file that has it."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("ab", buffering=0) as file:
        while free > 0:
            try:
                free -= file.write(b"\0" * min(free, 65_536))
            except OSError:
                return ballast
    return ballast


def assert_nothing_starts_until_mended(herd: Herd, node: str, mend: Callable[[], object]) -> None:
    """While the store is away nothing starts; once it is there again, the node goes on by itself."""
    degraded = wait_until(lambda: herd.saw("StoreDegraded", node=node), "the node says that its store is away")[-1]
    time.sleep(0.3)  # three occurrences
    late = [start for start in herd.saw(START) if start.scheduled_at > degraded.wall]
    assert not late, "a run has started unclaimed"
    mend()
    recovered = wait_until(lambda: herd.saw("StoreRecovered", node=node, after=degraded.at), "the node goes on")[0]
    herd.wait_for_starts(1, node, after=recovered.at)


def assert_nothing_is_taken_in(herd: Herd) -> None:
    """What cannot be written is not acknowledged."""
    with pytest.raises(StoreUnavailableError):
        herd.scheduler.add("work", Every("1s"), id="refused")


def test_a_full_disk_stops_new_runs_until_there_is_room(small_disk: Path) -> None:
    with Herd(small_disk) as herd:
        herd.scheduler.add("work", Every("100ms"), id="quick")
        (node,) = herd.start_and_wait()
        herd.wait_for_starts(1)
        ballast = fill(small_disk)
        assert_nothing_is_taken_in(herd)
        assert_nothing_starts_until_mended(herd, node, ballast.unlink)
        assert [job.id for job in herd.scheduler.jobs()] == ["quick"]
        close_books(herd)


def test_a_file_that_became_read_only_stops_new_runs_until_it_can_be_written(herd: Herd, tmp_path: Path) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    node = herd.start(run_read_only_while_told)
    herd.wait_for_starts(1)
    (tmp_path / "read-only").touch()
    assert_nothing_starts_until_mended(herd, node, (tmp_path / "read-only").unlink)
    close_books(herd)


def move(source: Path, target: Path) -> None:
    """Move a database, with what belongs to it."""
    target.mkdir(exist_ok=True)
    for name in ("jobs.db", "jobs.db-wal", "jobs.db-shm"):
        if (source / name).exists():
            os.rename(source / name, target / name)


def test_a_file_that_was_moved_away_stops_new_runs_until_it_is_back(herd: Herd, tmp_path: Path) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    (node,) = herd.start_and_wait()
    herd.wait_for_starts(1)
    move(tmp_path / "store", tmp_path / "aside")
    assert_nothing_is_taken_in(herd)
    assert_nothing_starts_until_mended(herd, node, partial(move, tmp_path / "aside", tmp_path / "store"))
    assert [job.id for job in herd.scheduler.jobs()] == ["quick"]
    close_books(herd)


def back_up(herd: Herd, target: Path, *, running: bool) -> None:
    """Copy the file at a moment at which a run is running, or none is."""

    def copied() -> bool:
        with closing(sqlite3.connect(herd.settings.file)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            return copy.execute("SELECT 1 FROM runs WHERE status = 'running'").fetchone() is not None

    wait_until(lambda: copied() is running, f"a backup with running={running}")


def test_a_file_that_was_replaced_by_its_backup_is_gone_on_with(herd: Herd, tmp_path: Path) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    (node,) = herd.start_and_wait()
    herd.wait_for_starts(1)
    back_up(herd, tmp_path / "backup.db", running=False)
    before = len(herd.saw(START))
    herd.wait_for_starts(before + 1)
    move(tmp_path / "store", tmp_path / "aside")
    replaced = utc_now()
    assert_nothing_is_taken_in(herd)
    put_back = partial(os.rename, tmp_path / "backup.db", herd.settings.file)
    assert_nothing_starts_until_mended(herd, node, put_back)
    herd.settle()
    known = {run.id for run in herd.scheduler.ledger.runs(limit=1000)}
    strangers = [each for each in herd.saw(START) if each.scheduled_at > replaced and each.facts["run"] not in known]
    assert not strangers, "a run has started that is not in the file"


def test_a_run_that_ran_when_the_backup_was_made_comes_to_an_end(herd: Herd, tmp_path: Path) -> None:
    herd.scheduler.add("work", id="slow")
    herd.start_and_wait()
    handle = herd.scheduler.trigger("slow", kwargs={"seconds": 0.5})
    back_up(herd, tmp_path / "backup.db", running=True)
    handle.result(timeout=10)
    move(tmp_path / "store", tmp_path / "aside")
    wait_until(lambda: herd.saw("StoreDegraded"), "the node says that its store is away")
    assert_nothing_is_taken_in(herd)
    os.rename(tmp_path / "backup.db", herd.settings.file)
    wait_until(lambda: not handle.status.is_open, "the run has ended", patience=3 * LEASE)


def test_commits_that_fail_or_do_not_answer_lose_nothing_and_repeat_nothing(herd: Herd, measured: Measured) -> None:
    begin(herd, 2, partial(run_failing, 0.1), longest=0.5)
    wait_until(lambda: len(herd.saw("StoreDegraded")) >= 10, "many commits have failed")
    measured(summary(close_books(herd)))
