"""When: schedules as fixed sets of instants. They know nothing of jobs.

`Cron`, `Every`, `CalendarInterval`, `At` and `Manual` are the schedules; `parse_schedule` reads any of their texts;
`Schedule` is the protocol that others may fill.
"""

from cronkit.schedules.at import At
from cronkit.schedules.calendar_interval import CalendarInterval
from cronkit.schedules.cron import Cron
from cronkit.schedules.durations import parse_duration
from cronkit.schedules.every import Every
from cronkit.schedules.lint import Finding, Surprise
from cronkit.schedules.manual import Manual
from cronkit.schedules.parse import parse_schedule
from cronkit.schedules.schedule import Schedule
from cronkit.schedules.serial import schedule_from_json

__all__ = [
    "At",
    "CalendarInterval",
    "Cron",
    "Every",
    "Finding",
    "Manual",
    "Schedule",
    "Surprise",
    "parse_duration",
    "parse_schedule",
    "schedule_from_json",
]
