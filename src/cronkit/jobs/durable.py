"""What a job has to be so that a durable store can keep it and another process run it."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from cronkit.errors import ConfigurationError
from cronkit.jobs.codec import encode_fields, plain_text
from cronkit.jobs.documents import check_schedule
from cronkit.jobs.job import JobSpec
from cronkit.jobs.target import Target, unwrap

_CLASS_CELL = ("__class__",)
"""What a method that uses ``super()`` closes over: its class, which is found again with it."""


def check_storable(spec: JobSpec, target: Target | None) -> None:
    """Refuse a job that a durable store could not keep, or whose target another process could not find again.

    A store knows targets by name, and a process finds under a name what its code registers each time it starts. So a
    lambda or a closure is refused: what it carries from where it was made is in no store, and its namesake after a
    restart may carry something else. A nested function that carries nothing, as those that an application factory
    decorates, is the same one whenever that runs. A bound method or a partial is taken under a ``name=`` (or a
    decorated job's ``id=``), by which the application says that it registers the same again. ``target`` is
    None where it is not known here, as in a process that only adds jobs for others.

    Raises:
        ConfigurationError: with the reason and the remedy.
    """
    if target is not None:
        why = _why_not_found_again(target)
        if why is not None:
            raise ConfigurationError(f"job {spec.id!r}: target {target.name!r} is {why}")
    try:
        check_schedule(spec.schedule)
        is_plain = not spec.args and not spec.metadata and plain_text(dict(spec.kwargs)) is not None
        if not is_plain:  # 5 us, of the 35 that a durable add takes without the disk
            encode_fields({"args": list(spec.args), "kwargs": dict(spec.kwargs), "metadata": dict(spec.metadata)})
    except ConfigurationError as error:
        raise ConfigurationError(f"job {spec.id!r}: {error}") from None


def _why_not_found_again(target: Target) -> str | None:
    """`_why_not_found`, kept for the newest: many jobs share a target, and 1 us of 35 is spared each."""
    global _newest_target
    known, why = _newest_target
    if known is not target:
        why = _why_not_found(target)
        _newest_target = target, why
    return why


_newest_target: tuple[Target | None, str | None] = (None, None)


def _why_not_found(target: Target) -> str | None:
    """What follows "target 'x' is", or None if another process can find it."""
    plain = unwrap(target.function)
    qualname: str = getattr(plain, "__qualname__", "")
    if qualname.endswith("<lambda>"):
        return "a lambda, which another process could not tell from others: write a function at module level"
    carried = _free_names(plain)
    if carried:
        return (
            f"a closure over {', '.join(carried)} ({target.place}), which no store keeps and another process would not "
            "have: write a function at module level, and pass what it needs as args= or kwargs="
        )
    if target.is_named:
        return None
    kind = _bound_kind(target.function)
    if kind is None:
        return None
    return (
        f"{kind} ({target.place}), which another process could not find again under that name: write a function at "
        "module level, or register this one whenever the program starts, with scheduler.target(name=...)"
    )


def _free_names(plain: Callable[..., Any]) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(getattr(plain, "__code__", None), "co_freevars", ())
    return () if names == _CLASS_CELL else names


def _bound_kind(function: Callable[..., Any]) -> str | None:
    """What is bound to a function, other than a class: that is found again as its methods are."""
    if isinstance(function, functools.partial):
        return "a partial"
    if inspect.ismethod(function) and not isinstance(function.__self__, type):
        return "a bound method"
    inner = getattr(function, "__wrapped__", None)
    return None if inner is None else _bound_kind(inner)
