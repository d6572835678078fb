"""What to write instead of an option that there is not: the words of other schedulers, and slips of the pen."""

from collections.abc import Collection, Mapping
from typing import Any

from cronkit.errors import ConfigurationError
from cronkit.schedules.durations import interval_text

_CRONTAB = "write the schedule as crontab text, as in '0 9 * * MON-FRI' (minute, hour, day, month, weekday)"
_DURATION = "write the schedule as text, as in '5m' or '1h30m'"
_AT = "write the schedule as At(...), with a datetime or its ISO text"
_EDGE = "it belongs to the schedule, as in Every('5m', start=..., end=...) or Cron('0 9 * * *', start=..., end=...)"
_TRIGGER = "the schedule follows the target: '5m', '0 9 * * *', or a Schedule such as At(...)"

REMEDIES: Mapping[str, str] = {
    # APScheduler
    "trigger": _TRIGGER,
    **dict.fromkeys(("seconds", "minutes", "hours", "days", "weeks", "interval", "every"), _DURATION),
    **dict.fromkeys(("second", "minute", "hour", "day", "month", "year", "week", "day_of_week", "cron"), _CRONTAB),
    **dict.fromkeys(("run_date", "next_run_time"), _AT),
    **dict.fromkeys(("start_date", "end_date", "start", "end"), _EDGE),
    "max_instances": "write overlap='skip' (the default) for one run at a time, 'queue', or 'allow' for several",
    "misfire_grace_time": "no run is dropped for being late; to drop some, write missed=Missed.latest(within='1m')",
    "coalesce": "write missed='latest' (the default) for one run instead of those that were missed, 'all' for each",
    "replace_existing": "write exists='update' at add()",
    "timezone": "write tz='Europe/Paris'",
    "jobstore": "the store is the scheduler's: Scheduler('sqlite:///jobs.db')",
    "func": "the target comes first: add(function, '5m')",
    # Celery
    "max_retries": "write retry=Retry(attempts=3), which counts the first attempt",
    **dict.fromkeys(("retries", "autoretry_for"), "write retry=Retry(attempts=3, delay='5s')"),
    **dict.fromkeys(("retry_delay", "default_retry_delay"), "write retry=Retry(attempts=3, delay='5s')"),
    **dict.fromkeys(("backoff", "retry_backoff"), "write retry=Retry(attempts=3, delay='5s', backoff=2.0)"),
    **dict.fromkeys(("eta", "countdown"), _AT),
    "expires": "write missed=Missed.latest(within='1h')",
    **dict.fromkeys(("time_limit", "soft_time_limit"), "write timeout='10s'"),
    "queue": "write executor= with the name of one of the scheduler's executors",
    "bind": "annotate a parameter of the target as RunContext, and it is given the run",
    # Verbs of the scheduler's own
    "exists": "it belongs to add() and add_many()",
    "by": "it belongs to the verbs that write jobs: add(), update(), pause(), resume(), reset(), remove() and apply()",
    "key": "it belongs to trigger()",
    "id": "a job keeps its id; under another one, declare it with the old one among its aliases=",
}
TRIGGERS = frozenset({"interval", "cron", "date"})
"""APScheduler's words for a kind of schedule, which come where cronkit has the schedule itself."""


def refuse_unknown(options: Collection[str], known: Collection[str]) -> None:
    """Refuse the first option that there is not, and say what to write instead.

    Raises:
        ConfigurationError: there is one.
    """
    for option in options:
        if option in known:
            continue
        from difflib import get_close_matches

        remedy = REMEDIES.get(option)
        close = [] if remedy else get_close_matches(option, known, n=1, cutoff=0.7)
        if close:
            remedy = f"did you mean {close[0]}=?"
        listed = "" if remedy else f"; the options are {', '.join(sorted(known))}"
        raise ConfigurationError(f"{option}= is no option of a job{listed}" + (f": {remedy}" if remedy else ""))


def refuse_trigger(schedule: object, options: Mapping[str, Any]) -> None:
    """Refuse APScheduler's ``add(function, "interval", seconds=3)``, and say how it is written here.

    Raises:
        ConfigurationError: the schedule is the name of a trigger.
    """
    if not isinstance(schedule, str) or schedule not in TRIGGERS:
        return
    remedy = {"interval": _DURATION, "cron": _CRONTAB, "date": _AT}[schedule]
    text = interval_text(options) if schedule == "interval" else None
    if text is not None:
        remedy = f"write the schedule as text, {text!r}"
    raise ConfigurationError(f"schedule={schedule!r} is no schedule: {remedy}")
