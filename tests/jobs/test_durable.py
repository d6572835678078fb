"""What a durable store takes: targets that another process can find, and arguments that can be written."""

import asyncio
import functools
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cronkit.errors import ConfigurationError
from cronkit.jobs.durable import check_storable
from cronkit.jobs.job import JobSpec
from cronkit.jobs.registry import Registry
from cronkit.jobs.target import Target, default_name
from cronkit.schedules import Every, Manual

SPEC = JobSpec(id="job", target="send", schedule=Every("5m"), executor="default")

Function = Callable[..., Any]


def check(function: Function, name: str | None = None) -> None:
    check_storable(SPEC, Target(name or default_name(function), function, is_named=name is not None))


def wrapped(function: Function) -> Function:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def hidden(function: Function) -> Function:
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def send(n: int = 0) -> None: ...


async def send_later(n: int = 0) -> None: ...


@wrapped
def decorated(n: int = 0) -> None: ...


@functools.lru_cache
def cached(n: int = 0) -> None: ...


decorated_hidden = hidden(send)


class Mailer:
    def send(self) -> None: ...

    @staticmethod
    def send_static() -> None: ...

    @classmethod
    def send_class(cls) -> None: ...

    @classmethod
    def send_super(cls) -> str:
        return super().__repr__(cls)

    def __call__(self) -> None: ...


def nested() -> Function:
    def inner(n: int = 0) -> None: ...

    return inner


def closure(over: object) -> Function:
    def inner(n: int = 0) -> object:
        return over

    return inner


@pytest.mark.parametrize(
    "function",
    [send, send_later, decorated, cached, Mailer.send_static, Mailer.send_class, Mailer.send_super, os.getpid, len],
)
@pytest.mark.parametrize("name", [None, "own-name"])
def test_what_stands_at_module_level_is_found_again_under_any_name(function: Function, name: str | None) -> None:
    check(function, name)


def test_a_function_of_the_main_module_is_found_again() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("def main_task(): ...", namespace)
    check(namespace["main_task"])


@pytest.mark.parametrize(
    ("function", "name", "why"),
    [
        (lambda: 1, "own-name", "a lambda"),
        (functools.partial(lambda n: n, 1), "own-name", "a lambda"),
        (closure(5), None, "a closure over over"),
        (closure(5), "own-name", "a closure over over"),
        (functools.partial(closure(5), 1), "own-name", "a closure over over"),
        (wrapped(closure(5)), "own-name", "a closure over over"),
        (decorated_hidden, "own-name", "a closure over function"),
        (Mailer().send, None, "a bound method"),
        (wrapped(Mailer().send), None, "a bound method"),
        (functools.partial(send, 1), None, "a partial"),
    ],
)
def test_what_another_process_could_not_find_is_refused_with_the_reason_and_the_remedy(
    function: Function, name: str | None, why: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        check(function, name)
    message = str(refusal.value)
    assert message.startswith(f"job 'job': target {name or default_name(function)!r} is {why}")
    assert "another process" in message
    assert "write a function at module level" in message


@pytest.mark.parametrize("function", [nested(), Mailer().send, functools.partial(send, 1), Mailer()])
def test_what_the_application_registers_under_a_name_of_its_own_is_found_again(function: Function) -> None:
    check(function, "own-name")


def test_a_nested_function_that_carries_nothing_is_the_same_whenever_it_is_made() -> None:
    check(nested(), None)


def test_a_name_that_is_given_counts_even_where_it_is_the_functions_own() -> None:
    registry, mailer = Registry(), Mailer()
    registry.register(mailer.send)
    check_storable(SPEC, registry.register(mailer.send, "send"))
    check_storable(SPEC, registry.register(mailer.send))


def test_a_target_that_is_not_known_here_is_left_to_the_process_that_runs_it() -> None:
    check_storable(SPEC, None)


def test_a_name_that_was_registered_counts_for_the_jobs_that_are_added_later() -> None:
    registry, function = Registry(), nested()
    registry.register(function, "own-name")
    check_storable(SPEC, registry.register(function))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"args": (len,)}, r"job 'job': args\[0\] is a function \(len\)"),
        ({"kwargs": {"loop": asyncio.Lock()}}, r"job 'job': kwargs\['loop'\] is of type asyncio"),
        ({"metadata": {"m": object}}, r"job 'job': metadata\['m'\] is the class object"),
        ({"schedule": type("Lunar", (Manual,), {})()}, r"job 'job': a schedule of type .*Lunar cannot be stored"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        check_storable(replace(SPEC, **change), None)
