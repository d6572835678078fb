"""Rows of ``runs`` as ``RunRow``s, and the parts of a run that are JSON."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cronkit.errors import ConfigurationError, UnreadableError
from cronkit.jobs.codec import decode_value, encode_value
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.policies import Overlap
from cronkit.jobs.refusals import describe_error
from cronkit.jobs.run import ErrorInfo, Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.sqlite.moments import EPOCH, from_micros, maybe_moment

COLUMNS = """r.sequence, r.id, r.job, r.namespace, j.id, r.cause, r.token, r.scheduled_at, r.scheduled_until, r.count,
    r.due_at, r.created_at, r.overlap, r.status, r.attempt, r.fence, r.crashes, r.excused, r.occupied,
    r.cancel_requested, r.node, r.started_at, r.finished_at, r.reason, r.related_id, r.progress, r.progress_note,
    r.kwargs, r.value, r.error, r.log"""
STATUS = 13
"""Where the status is among ``COLUMNS``."""
SOURCE = "runs AS r LEFT JOIN jobs AS j ON j.pk = r.job"

RUN = f"SELECT {COLUMNS} FROM {SOURCE} WHERE r.id = ?"
RUNS_BY_SEQUENCE = f"""
SELECT {COLUMNS} FROM json_each(?) AS wanted CROSS JOIN {SOURCE} WHERE r.sequence = wanted.value"""
MOST = 2**53
"""No count, attempt or fence comes near it; what is beyond was not written by us."""

STATUSES = {str(status): status for status in RunStatus}
CAUSES = {str(cause): cause for cause in Cause}
OVERLAPS = {str(overlap): overlap for overlap in Overlap}
"""Looking a text up in its enum takes ten times as long."""

Row = Sequence[Any]


def read_run(row: Row) -> RunRow:
    """The run of a row of ``COLUMNS``. What is in JSON is read by itself: ``kwargs``, ``value``, ``error``, ``log``.

    Raises:
        ValueError, KeyError, TypeError, OverflowError: the row makes no sense.
    """
    for number in row[14:18]:
        if type(number) is not int or not 0 <= number < MOST:
            raise ValueError(f"{number!r:.40} is no count")
    if type(row[1]) is not str or type(row[2]) is not int or type(row[4]) is not str:
        raise ValueError("its id or its job is lost")
    run: RunRow = object.__new__(RunRow)  # half of what __init__ and setting it all again would take
    run.sequence, run.id = row[0], row[1]
    run.job = JobKey(row[3], row[4], row[2])
    run.cause, run.token = CAUSES[row[5]], row[6]
    run.scheduled_at = from_micros(row[7])
    run.scheduled_until = run.scheduled_at if row[8] == row[7] else from_micros(row[8])
    run.due_at = run.scheduled_at if row[10] == row[7] else from_micros(row[10])
    run.created_at = from_micros(row[11])
    run.overlap, run.status = OVERLAPS[row[12]], STATUSES[row[13]]
    run.count, run.attempt, run.fence, run.crashes, run.excused = row[9], row[14], row[15], row[16], row[17]
    run.occupied, run.cancel_requested = bool(row[18]), bool(row[19])
    run.node, run.started_at, run.finished_at = row[20], maybe_moment(row[21]), maybe_moment(row[22])
    run.reason, run.related_id, run.progress, run.progress_note = row[23:27]
    run.kwargs = run.value = run.error = None
    run.log = ()
    return run


def read_for_attempt(run: RunRow, row: Row) -> None:
    """Put into the run what its next attempt takes up: its own arguments, and the lines logged so far, if those can be
    read. Raises UnreadableError where the arguments cannot."""
    if row[30] is not None:
        with suppress(ValueError):
            run.log = log_from_text(row[30])
    if row[27] is not None:
        kwargs = decode_value(row[27])
        if type(kwargs) is not dict or not all(type(name) is str for name in kwargs):
            raise UnreadableError("the arguments are no object")
        run.kwargs = kwargs


def read_snapshot(row: Row) -> Run:
    """The run as people see it, whatever the row holds: what cannot be read is left out, and ``reason`` says so."""
    try:
        run = read_run(row)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        return stand_in_run(row, f"the run cannot be read: {error!r}").snapshot()
    try:
        if row[28] is not None:
            run.value = decode_value(row[28])
        if row[29] is not None:
            run.error = error_from_text(row[29])
        if row[30] is not None:
            run.log = log_from_text(row[30])
    except ValueError as error:
        run.reason = f"{run.reason}; {error}" if run.reason else f"what the run left cannot be read: {error}"
    return run.snapshot()


def stand_in_run(row: Row, reason: str) -> RunRow:
    """A run that waits for a person, in the place of one that makes no sense."""
    key = JobKey(str(row[3]), str(row[4]), row[2] if type(row[2]) is int else 0)
    run = RunRow(str(row[1]), key, Cause.MANUAL, EPOCH, EPOCH, str(row[6]), RunStatus.HELD, EPOCH)
    run.sequence, run.reason = row[0], reason
    return run


def read_cancelled_row(row: Row) -> RunRow:
    """A run that was cancelled before it could start again; of one that makes no sense, what can be told of it."""
    try:
        return read_run(row)
    except (ValueError, KeyError, TypeError, OverflowError):
        run = stand_in_run(row, str(row[23]))
        run.status, run.finished_at = RunStatus.CANCELLED, from_micros(row[22])
        return run


def plain_text(text: object) -> str | None:
    """A text that the file can take: lone surrogates are replaced, and of what is no text ``str`` is written."""
    if text is None:
        return None
    try:
        return (text if type(text) is str else str(text)).encode("utf-8", "replace").decode("utf-8")
    except Exception as error:  # the application's own class; the rest of what is written must not fail with it
        return f"<{type(text).__name__} whose str() raised {type(error).__name__}>"


def value_to_text(value: Any) -> tuple[str | None, str | None]:
    """A result as text, or None and why it is not kept, with the remedy."""
    if value is None:
        return None, None
    try:
        return encode_value(value, "result"), None
    except ConfigurationError as error:
        return None, f"its value was not kept: {error}"
    except Exception as error:  # the application's own classes may do anything when they are looked at
        why = f"result is of type {type(value).__qualname__}, which raised {describe_error(error)}"
        return None, f"its value was not kept: {why}; return an id or a text in its place"


def error_to_text(error: ErrorInfo | None) -> str | None:
    """A failure as text."""
    return None if error is None else json.dumps([error.type, error.message, error.traceback])


def error_from_text(text: str) -> ErrorInfo:
    """The failure that `error_to_text` made ``text`` of. Raises ValueError for anything else."""
    parts = _texts(text, "error")
    if len(parts) != 3 or parts[0] is None or parts[1] is None:
        raise ValueError("the error has not the parts of one")
    return ErrorInfo(type=parts[0], message=parts[1], traceback=parts[2])


def log_to_text(log: tuple[str, ...]) -> str | None:
    """Lines as text."""
    return json.dumps(log) if log else None


def log_from_text(text: str) -> tuple[str, ...]:
    """The lines that `log_to_text` made ``text`` of. Raises ValueError for anything else."""
    return tuple(line or "" for line in _texts(text, "log"))


def _texts(text: Any, what: str) -> list[str | None]:
    if not isinstance(text, str):
        raise ValueError(f"the {what} is no text")
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the {what} cannot be read: {error}") from error
    if not isinstance(parts, list) or not all(part is None or isinstance(part, str) for part in parts):
        raise ValueError(f"the {what} is no list of texts")
    return parts
