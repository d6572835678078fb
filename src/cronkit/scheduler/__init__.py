"""The public face: the verbs, in two colours. It holds no rule."""

from cronkit.scheduler.async_scheduler import AsyncScheduler
from cronkit.scheduler.options import JobRequest
from cronkit.scheduler.plan import OptionChange, Plan
from cronkit.scheduler.scheduler import Scheduler

__all__ = ["AsyncScheduler", "JobRequest", "OptionChange", "Plan", "Scheduler"]
