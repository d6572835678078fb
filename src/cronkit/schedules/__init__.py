"""When: schedules as fixed sets of instants. They know nothing of jobs."""

from .cron import Cron

__all__ = ["Cron"]
