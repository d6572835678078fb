"""What adding, deploying, updating, pausing, resuming and removing do to a job: pure decisions over its row.

Each takes a row that is the caller's to change (``JobTable.load`` gives a copy) and returns the runs born of the
change, to be written with it. ``cronkit.jobs.layers`` says what becomes of a declaration that somebody has changed.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cronkit.engine.planner import (
    INSTANT,
    NewId,
    account_due,
    account_paused,
    is_one_shot,
    is_pause_over,
    next_after,
    next_due,
    queued,
    refused,
)
from cronkit.jobs.job import NO_WATERMARK, JobRow, JobSpec, Pause
from cronkit.jobs.keys import JobKey
from cronkit.jobs.layers import differences, overlaid, with_newest
from cronkit.jobs.rules import REMOVED_REASON, is_spent
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus

JUST_PAST = timedelta(minutes=1)
"""A one-shot no further than this in the past when it is added is late, not meaningless: it runs."""


def create(spec: JobSpec, namespace: str, now: datetime, by: str | None) -> JobRow:
    """A new job: occurrences at or after ``now`` count, and a one-shot that has only just passed."""
    job = JobRow(JobKey(namespace, spec.id, 0), _bound(spec, now), now)
    _start_schedule(job, now)
    _look_next(job)
    job.record("added", now, by)
    return job


def create_declared(spec: JobSpec, fingerprint: str | None, namespace: str, now: datetime, by: str | None) -> JobRow:
    """A new job that code declares."""
    job = create(spec, namespace, now, by)
    _note_declared(job, spec, fingerprint)
    return job


def update(job: JobRow, spec: JobSpec, now: datetime, by: str | None, new_id: NewId) -> list[RunRow]:
    """Change a job by hand; over a declared one this is a layer of its own, which deployments leave as it is.

    A new schedule counts from ``now``, or from where the old one has come to if the clock was set back since: it never
    causes a catch-up, and repeats nothing. An unchanged one goes on where it stands, and so does a symbolic "now": it
    was the job's creation.
    """
    before = job.spec
    births = _respecify(job, spec, now, by, "updated", new_id)
    if job.declared is not None:
        job.overrides |= frozenset(differences(before, job.spec))
    return births


def declare(
    job: JobRow, spec: JobSpec, fingerprint: str | None, now: datetime, by: str | None, new_id: NewId
) -> list[RunRow]:
    """Give a job what code declares now; the options that people have changed stay, and so does a pause."""
    births = _respecify(job, overlaid(spec, job.spec, job.overrides), now, by, "deployed", new_id)
    _note_declared(job, spec, fingerprint)
    return births


def reset(
    job: JobRow, spec: JobSpec, fingerprint: str | None, now: datetime, by: str | None, new_id: NewId
) -> list[RunRow]:
    """Give a job what code declares, and nothing else; a pause stays.

    A row that could not be read goes on from where it stood, as if it had been on this schedule all along; from
    ``now`` if that is lost.
    """
    job.overrides = frozenset()
    if job.unreadable is None:
        births = _respecify(job, spec, now, by, "reset", new_id)
    else:
        births = []
        job.unreadable = None
        job.spec = _bound(spec, job.created_at)
        if job.watermark == NO_WATERMARK:
            job.watermark = now
        is_over = is_spent(job.spec.policies, job.spawned)
        job.next_at = None if is_over else next_after(job.spec.schedule, job.watermark)
        _look_next(job)
        job.record("reset", now, by)
    _note_declared(job, spec, fingerprint)
    return births


def pause(
    job: JobRow, now: datetime, reason: str | None, until: datetime | None, by: str | None, new_id: NewId
) -> list[RunRow]:
    """Stop a job's schedule until it is resumed, or until ``until``; what was due before is accounted for first."""
    goes_on = job.pause is not None and not is_pause_over(job, now)
    births = [] if goes_on else _account(job, now, new_id)
    since = job.pause.since if goes_on and job.pause is not None else now
    job.pause = Pause(since=since, reason=reason, until=until, by=by)
    _look_next(job)
    job.record("paused", now, by)
    return births


def resume(job: JobRow, now: datetime, by: str | None, new_id: NewId) -> list[RunRow]:
    """Let a paused job's schedule go on; the paused time becomes one skipped record, and a one-shot in it runs."""
    births = _account(job, now, new_id)
    job.pause = None
    _look_next(job)
    job.record("resumed", now, by)
    return births


def remove(job: JobRow, now: datetime, by: str | None, new_id: NewId) -> list[RunRow]:
    """Note who removes a job; for the rest see ``due_at_removal``."""
    job.record("removed", now, by)
    return due_at_removal(job, now, new_id)


def due_at_removal(job: JobRow, now: datetime, new_id: NewId) -> list[RunRow]:
    """What was due and not yet claimed when a job is removed: one missed record, or one of paused time."""
    if job.unreadable is not None:  # nobody knows what was due
        return []
    births: list[RunRow] = []
    schedule = job.spec.schedule
    if job.pause is not None and not is_one_shot(schedule):
        births = _account_paused(job, now, new_id)
    first = job.next_at
    if first is None or first > now:
        return births
    last = schedule.previous(now + INSTANT) or first
    count = schedule.count(first, last + INSTANT)
    return [*births, refused(job, RunStatus.MISSED, first, last, count, REMOVED_REASON, now, new_id)]


def _respecify(job: JobRow, spec: JobSpec, now: datetime, by: str | None, action: str, new_id: NewId) -> list[RunRow]:
    """Have a job do something else from ``now`` on."""
    births: list[RunRow] = []
    was_spent = is_spent(job.spec.policies, job.spawned)
    born = _bound(spec, job.created_at)
    spec = born if born.schedule == job.spec.schedule else _bound(spec, now)
    rescheduled = spec.schedule != job.spec.schedule
    if rescheduled:
        births = _account(job, now, new_id, resumes=False) + _bear_early(job, now, new_id)
    job.spec = spec
    if is_spent(spec.policies, job.spawned):
        job.next_at = None
    elif rescheduled or was_spent:
        _start_schedule(job, now, accounted=job.watermark)
    _look_next(job)
    job.record(action, now, by)
    return births


def _note_declared(job: JobRow, spec: JobSpec, fingerprint: str | None) -> None:
    job.declared = spec
    if job.fingerprints[-1:] != (fingerprint,):
        job.fingerprints = with_newest(job.fingerprints, fingerprint)


def _bound(spec: JobSpec, now: datetime) -> JobSpec:
    """The spec with a symbolic "now" made an instant."""
    schedule = spec.schedule.bind(now=now)
    return spec if schedule is spec.schedule else replace(spec, schedule=schedule)


def _account(job: JobRow, now: datetime, new_id: NewId, *, resumes: bool = True) -> list[RunRow]:
    """Account for the occurrences up to ``now`` and move the watermark."""
    births: list[RunRow] = []
    if job.pause is not None:
        births = _account_paused(job, now, new_id, resumes=resumes)
        if not is_pause_over(job, now):
            return births
    late, job.watermark, job.next_at, job.next_due = account_due(job, now, new_id)
    return births + late


def _account_paused(job: JobRow, now: datetime, new_id: NewId, *, resumes: bool = True) -> list[RunRow]:
    """Account for a pause's time up to ``now``, or to where it has run out."""
    is_back = resumes or is_pause_over(job, now)
    births, job.watermark, job.next_at, job.next_due = account_paused(job, now, new_id, resumes=is_back)
    return births


def _bear_early(job: JobRow, now: datetime, new_id: NewId) -> list[RunRow]:
    """A run for the occurrence whose time has come and whose spread or jitter has not: it is still to start then."""
    is_paused = job.pause is not None and not is_pause_over(job, now)
    if is_paused or job.next_at is None or job.next_at > now:
        return []
    job.watermark = job.next_at
    return [queued(job, job.next_at, next_due(job.spec, job.next_at), now, new_id)]


def _start_schedule(job: JobRow, now: datetime, accounted: datetime | None = None) -> None:
    schedule = job.spec.schedule
    before = now - JUST_PAST if is_one_shot(schedule) else now
    job.watermark = before - INSTANT if accounted is None else max(before - INSTANT, accounted)
    job.next_at = next_after(schedule, job.watermark)


def _look_next(job: JobRow) -> None:
    """Set when the engine has to look at a job: at its next occurrence, or at the end of its pause."""
    if job.pause is not None:
        job.next_due = job.pause.until
    else:
        job.next_due = None if job.next_at is None else next_due(job.spec, job.next_at)
