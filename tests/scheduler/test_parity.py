"""The two faces carry the same verbs with the same parameters."""

import inspect
from typing import Any

import pytest

from cronkit import AsyncScheduler, LifecycleError, RunHandle, Scheduler
from cronkit.scheduler.async_scheduler import AsyncLedger, AsyncRunHandle
from cronkit.scheduler.ledger import Ledger

PAIRS = [(Scheduler, AsyncScheduler), (RunHandle, AsyncRunHandle), (Ledger, AsyncLedger)]
ASK_MEMORY = {"job", "target", "on", "run_handle", "health"}
"""What needs no awaiting, for it asks no store."""


def public_names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def parameters(function: Any) -> list[tuple[str, Any, Any, Any]]:
    """Names, kinds, defaults and annotations, without the return type: it names the other colour's handle."""
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default, each.annotation) for each in signature.parameters.values()]


@pytest.mark.parametrize(("sync", "awaitable"), PAIRS)
def test_both_faces_have_the_same_public_names(sync: type, awaitable: type) -> None:
    assert public_names(sync) == public_names(awaitable)


@pytest.mark.parametrize(("sync", "awaitable"), PAIRS)
def test_every_verb_takes_the_same_parameters_on_both_faces(sync: type, awaitable: type) -> None:
    verbs = [name for name in public_names(sync) if inspect.isfunction(getattr(sync, name))]
    assert verbs
    for name in verbs:
        assert parameters(getattr(sync, name)) == parameters(getattr(awaitable, name)), name


def test_both_constructors_take_the_same_parameters() -> None:
    assert parameters(Scheduler.__init__) == parameters(AsyncScheduler.__init__)


def test_every_verb_that_asks_the_store_is_awaitable_on_the_async_face() -> None:
    verbs = [name for name in public_names(AsyncScheduler) if inspect.isfunction(getattr(AsyncScheduler, name))]
    assert {name for name in verbs if not inspect.iscoroutinefunction(getattr(AsyncScheduler, name))} == ASK_MEMORY


def test_the_sync_face_opens_with_with_and_the_async_face_with_async_with() -> None:
    assert hasattr(Scheduler, "__enter__")
    assert not hasattr(Scheduler, "__aenter__")
    assert hasattr(AsyncScheduler, "__aenter__")
    with pytest.raises(LifecycleError, match="write 'async with', or use Scheduler"), AsyncScheduler():  # type: ignore[attr-defined]
        raise AssertionError("it was entered")
