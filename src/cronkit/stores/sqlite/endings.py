"""How attempts end, and what else becomes of runs that were born: retried, cancelled, released, vacated."""

import logging
from collections.abc import Sequence
from datetime import datetime

from cronkit.clock import utc_now
from cronkit.jobs.rules import REMOVED_REASON
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Cancelling, Change, Finish
from cronkit.stores.sqlite.births import (
    CANCEL_RUNNING,
    END_WAITING,
    KEEP_LAST_SEQUENCE,
    LAST_SEQUENCE,
    Tally,
    read_cancelled,
)
from cronkit.stores.sqlite.claims import HeldRuns
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.gates import WAIT_AGAIN, come_forward
from cronkit.stores.sqlite.moments import maybe_micros, to_micros
from cronkit.stores.sqlite.run_rows import STATUSES, error_to_text, log_to_text, plain_text, value_to_text

logger = logging.getLogger("cronkit.run")

RUNNING, RETRYING, CANCELLED = RunStatus.RUNNING, RunStatus.RETRYING, RunStatus.CANCELLED

STANDING = """
SELECT sequence, job, status, fence, cancel_requested, reason, occupied FROM runs WHERE id = ?"""
END_HELD_AT = """
UPDATE runs SET status = ?, finished_at = ?, reason = ?, value = ?, error = ?, log = ?, excused = excused + ?,
    occupied = ?, held = ?, place = CASE ? WHEN 1 THEN place END
WHERE sequence = ? AND id = ? AND fence = ? AND status = 'running'"""
RETRY = f"""
UPDATE runs SET status = 'retrying', due_at = ?, reason = ?, error = ?, log = ?, excused = excused + ?, held = 0,
    {WAIT_AGAIN}
WHERE sequence = ?"""
VACATE = """
UPDATE runs SET occupied = 0, held = 0, place = NULL WHERE id = ? AND occupied = 1 RETURNING job"""
RELEASE = """
UPDATE runs SET status = 'queued', due_at = ?, reason = NULL, place = ?,
    ready = overlap = 'allow' OR NOT EXISTS (
        SELECT 1 FROM runs AS g WHERE g.job = runs.job AND g.place IS NOT NULL
    ),
    (executor, target) = (SELECT executor, target FROM jobs WHERE pk = runs.job)
WHERE sequence = ?"""
REPORT = """
UPDATE runs SET progress = ?, progress_note = ? WHERE id = ? AND fence = ? AND status = 'running'"""
IS_PRESENT = "SELECT 1 FROM jobs WHERE pk = ? AND removed_at IS NULL"


class Ending:
    """A finish with what it leaves behind as text, made before the transaction that writes it.

    ``unkept`` is why its value cannot be; it becomes the run's reason, for the run has succeeded all the same.
    """

    __slots__ = ("at", "error", "finish", "log", "reason", "unkept", "value")

    def __init__(self, finish: Finish) -> None:
        self.finish = finish
        self.at = to_micros(finish.at)
        self.value, self.unkept = value_to_text(finish.value) if finish.value is not None else (None, None)
        self.reason = plain_text(finish.reason if self.unkept is None else self.unkept)
        self.error = error_to_text(finish.error)
        self.log = log_to_text(finish.log)

    def end(self, sequence: int) -> tuple[object, ...]:
        """The values of ``END_HELD_AT`` for an attempt that was the last."""
        finish = self.finish
        occupied = 1 if finish.occupied else 0
        return (
            finish.status._value_,
            self.at,
            self.reason,
            self.value,
            self.error,
            self.log,
            0 if finish.counted else 1,
            occupied,
            occupied,
            occupied,
            sequence,
            finish.run_id,
            finish.fence,
        )


class SQLiteEndings:
    """The queue of a file, from the claim on."""

    def __init__(self, database: Database, notices: Notices, held: HeldRuns) -> None:
        self._database = database
        self._notices = notices
        self._held = held

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """See ``RunQueue``."""
        endings = [Ending(finish) for finish in finishes]
        ended = endings
        written: list[Finish | None] = [*finishes]
        if not self._end_all(endings):
            ended, written = self._finish_each(endings)
        for ending in ended:
            if ending.unkept is not None:
                self._tell_unkept(ending)
            self._notices.note_ended(ending.finish.run_id)
        for ending in endings:
            self._held.drop(ending.finish.run_id)
        self._notices.tell()
        return written

    def _tell_unkept(self, ending: Ending) -> None:
        run_id, place = ending.finish.run_id, self._held.place(ending.finish.run_id)
        job_id = None if place is None else place[2]
        of_job = "" if job_id is None else f" of job {job_id!r}"
        extra = {"run_id": run_id, "job_id": job_id}
        logger.warning("run %s%s succeeded, but %s", run_id, of_job, ending.reason, extra=extra)

    def _end_all(self, endings: Sequence[Ending]) -> bool:
        """Write the ends of runs that this object has claimed, all of them or, if a single one is not so, none."""
        rows: list[tuple[object, ...]] = []
        tally = Tally()
        jobs: set[int] = set()
        for ending in endings:
            place = self._held.place(ending.finish.run_id)
            if place is None or ending.finish.retry_at is not None:
                return False
            rows.append(ending.end(place[0]))
            tally.add(place[1], ending.finish.status)
            jobs.add(place[1])

        def end(connection: Connection) -> None:
            if connection.executemany(END_HELD_AT, rows).rowcount != len(rows):
                raise _NotAll
            tally.write(connection)
            self._come_forward(connection, jobs)

        try:
            self._database.write(end)
        except _NotAll:
            return False
        return True

    def _finish_each(self, endings: Sequence[Ending]) -> tuple[list[Ending], list[Finish | None]]:
        """Judge each finish by itself; return those that were the end of a run, and each as it was written."""
        ended: list[Ending] = []
        tally = Tally()
        jobs: set[int] = set()

        def finish(connection: Connection) -> list[Finish | None]:
            written = [self._finish(connection, ending, tally, jobs, ended) for ending in endings]
            tally.write(connection)
            self._come_forward(connection, jobs)
            return written

        return ended, self._database.write(finish)

    def _finish(
        self, connection: Connection, ending: Ending, tally: Tally, jobs: set[int], ended: list[Ending]
    ) -> Finish | None:
        finish = ending.finish
        row = connection.execute(STANDING, (finish.run_id,)).fetchone()
        if row is None or row[3] != finish.fence:
            return None
        sequence, pk, status, _, cancel_requested, asked, _ = row
        if status != RUNNING:
            return finish if status == finish.status else None
        if finish.retry_at is not None:
            if connection.execute(IS_PRESENT, (pk,)).fetchone() is None:
                finish = finish.cancelled(REMOVED_REASON)
            elif cancel_requested:
                finish = finish.cancelled(asked)
            else:
                uncounted = 0 if finish.counted else 1
                values = maybe_micros(finish.retry_at), ending.reason, ending.error, ending.log, uncounted, sequence
                connection.execute(RETRY, values)
                return finish
            ending = Ending(finish)
        connection.execute(END_HELD_AT, ending.end(sequence))
        tally.add(pk, finish.status)
        jobs.add(pk)
        ended.append(ending)
        return finish

    def _come_forward(self, connection: Connection, jobs: set[int]) -> None:
        if jobs and come_forward(connection, jobs):
            self._notices.note_work()

    def vacate(self, run_ids: Sequence[str]) -> None:
        """See ``RunQueue``."""

        def vacate(connection: Connection) -> None:
            jobs = {pk for run_id in run_ids for (pk,) in connection.execute(VACATE, (run_id,)).fetchall()}
            come_forward(connection, jobs)

        self._database.write(vacate)
        self._notices.tell(Change.WORK)

    def release(self, run_id: str, now: datetime | None) -> RunStatus | None:
        """See ``RunQueue``."""

        def release(connection: Connection) -> RunStatus | None:
            row = connection.execute(STANDING, (run_id,)).fetchone()
            if row is None:
                return None
            status = STATUSES.get(row[2], RunStatus.HELD)
            if status is RunStatus.HELD and connection.execute(IS_PRESENT, (row[1],)).fetchone():
                # Its place is behind all others, and no run that is born later may have the same.
                place = connection.execute(LAST_SEQUENCE).fetchone()[0] + 1
                connection.execute(KEEP_LAST_SEQUENCE, (place,))
                connection.execute(RELEASE, (to_micros(now or utc_now()), place, row[0]))
                status = RunStatus.QUEUED
            return status

        status = self._database.write(release)
        if status is not None:
            self._notices.tell(Change.WORK)
        return status

    def report(self, run_id: str, fence: int, fraction: float, note: str | None) -> bool:
        """See ``RunQueue``."""
        values = fraction, plain_text(note), run_id, fence
        return self._database.write(lambda connection: connection.execute(REPORT, values).rowcount == 1)

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> Cancelling | None:
        """See ``RunQueue``."""
        reason = plain_text(reason) or "cancelled"
        ended: list[RunRow] = []

        def request(connection: Connection) -> RunStatus | None:
            row = connection.execute(STANDING, (run_id,)).fetchone()
            if row is None:
                return None
            status = STATUSES.get(row[2], RunStatus.HELD)
            if status is RUNNING:
                connection.execute(CANCEL_RUNNING, (reason, row[0]))
            elif status.is_open:
                connection.execute(END_WAITING, (to_micros(now or utc_now()), reason, row[0]))
                tally = Tally()
                tally.add(row[1], CANCELLED)
                tally.write(connection)
                come_forward(connection, [row[1]])
                ended.extend(read_cancelled(connection, [row[0]]))
            return status

        status = self._database.write(request)
        if status is None:
            return None
        if status is RUNNING:
            self._notices.note_cancelling()
        elif status.is_open:
            status = CANCELLED
            self._notices.note_ended(run_id)
        self._notices.tell(Change.WORK)
        return Cancelling(status, ended)


class _NotAll(Exception):
    """Not every run is as this object remembers it."""
