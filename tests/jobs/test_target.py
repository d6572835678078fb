"""Targets: colour, the parameter that receives the run, arguments, and names; and the registry that holds them."""

import functools
import gc
import inspect
import sys
import typing
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest

import cronkit
from cronkit import RunContext
from cronkit import RunContext as Context
from cronkit.errors import ConfigurationError
from cronkit.jobs.registry import Registry
from cronkit.jobs.target import SHAPES, Colour, Target, default_name, unwrap

if TYPE_CHECKING:
    from cronkit import RunContext as Run


def plain(n: int = 0) -> int:
    return n


async def coroutine(n: int = 0) -> int:
    return n


class Mailer:
    def __init__(self, to: str = "nobody") -> None:
        self.to = to

    def send(self) -> str:
        return self.to

    async def send_later(self) -> str:
        return self.to

    @staticmethod
    async def ping() -> None: ...

    @classmethod
    def check(cls) -> str:
        return cls.__name__


class Callable_:
    def __call__(self) -> None: ...


class AsyncCallable:
    async def __call__(self) -> None: ...


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


class GeneratorCallable:
    def __call__(self) -> Iterator[int]:
        yield 1


# Colour


@pytest.mark.parametrize(
    "function",
    [plain, Mailer().send, Mailer.check, Callable_(), functools.partial(plain, 1), lambda: None, logged(coroutine),
     print, int],
    ids=str,
)  # fmt: skip
def test_what_is_called_is_a_function(function: Callable[..., Any]) -> None:
    assert Target("target", function).colour is Colour.FUNCTION


@pytest.mark.parametrize(
    "function",
    [coroutine, Mailer().send_later, Mailer.ping, AsyncCallable(), functools.partial(coroutine, 1),
     functools.partial(Mailer().send_later), functools.partial(AsyncCallable()),
     functools.partial(functools.partial(coroutine, 1))],
    ids=str,
)  # fmt: skip
def test_what_is_awaited_is_a_coroutine(function: Callable[..., Any]) -> None:
    assert Target("target", function).colour is Colour.COROUTINE


@pytest.mark.parametrize(
    "function",
    [generator, async_generator, GeneratorCallable(), functools.partial(generator), lambda: (yield)],
    ids=str,
)
def test_a_generator_is_refused_because_it_would_never_run(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="'target' is a generator, which a job would never run"):
        Target("target", function)


def test_a_function_that_wraps_a_generator_is_a_function() -> None:
    @functools.wraps(generator)
    def exhaust() -> list[int]:
        return list(generator())

    assert Target("target", exhaust).colour is Colour.FUNCTION


@pytest.mark.parametrize("value", [5, None, "text", [1]])
def test_what_cannot_be_called_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="not a function"):
        Target("target", value)
    with pytest.raises(ConfigurationError, match="not a function"):
        Registry().register(value)


# The run's parameter


def by_class(run: RunContext) -> None: ...
def by_text(run: "RunContext") -> None: ...
def by_path(run: "cronkit.RunContext") -> None: ...
def by_long_path(run: "cronkit.jobs.attempt.RunContext") -> None: ...
def under_another_name_of_the_module(run: "ck.RunContext") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def optional_class(run: Optional[RunContext] = None) -> None: ...  # noqa: UP045
def optional_union(run: RunContext | None = None) -> None: ...
def optional_text(run: "RunContext | None" = None) -> None: ...
def optional_old_text(run: "typing.Optional[cronkit.RunContext]" = None) -> None: ...  # noqa: UP045
def optional_of_text(run: Optional["RunContext"] = None) -> None: ...
def none_first(run: "None | RunContext" = None) -> None: ...  # noqa: RUF036
def annotated(run: Annotated[RunContext, "the run"]) -> None: ...
def annotated_text(run: "Annotated[RunContext, 'the run']") -> None: ...
def annotated_old_text(run: "typing.Annotated[Optional[RunContext], 1, 2]") -> None: ...  # noqa: UP045
def under_a_name_of_its_own(run: "Context") -> None: ...
def by_keyword_only(*, run: RunContext) -> None: ...
def after_others(n: int, text: str = "", *, run: RunContext) -> None: ...
async def of_a_coroutine(run: RunContext) -> None: ...


SPELLINGS = [
    by_class, by_text, by_path, by_long_path, under_another_name_of_the_module, optional_class, optional_union,
    optional_text, optional_old_text, optional_of_text, none_first, annotated, annotated_text, annotated_old_text,
    under_a_name_of_its_own, by_keyword_only, after_others, of_a_coroutine,
]  # fmt: skip


@pytest.mark.parametrize("function", SPELLINGS, ids=lambda function: function.__name__)
def test_the_run_goes_to_the_parameter_that_is_annotated_so(function: Callable[..., Any]) -> None:
    assert Target("target", function).context == "run"


def test_a_run_that_is_taken_by_position_alone_is_refused() -> None:
    def job(run: RunContext, /) -> None: ...

    with pytest.raises(ConfigurationError, match=r"'run', by position alone.*take away the / in its signature"):
        Target("target", job)


def test_an_import_under_type_checking_is_found_by_its_text() -> None:
    namespace: dict[str, Any] = {}
    exec(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from cronkit import RunContext\n"
        "def job(n: int, run: RunContext) -> None: ...\n",
        namespace,
    )

    assert "RunContext" not in namespace
    assert Target("target", namespace["job"]).context == "run"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated when they are asked for from 3.14 on")
def test_annotations_that_cannot_be_evaluated_are_found_by_their_text() -> None:
    found = {}
    for annotation in ("RunContext", "RunContext | None", "Optional[RunContext]", "cronkit.RunContext", "RunContexts"):
        namespace: dict[str, Any] = {"Optional": Optional}
        exec(f"def job(n: int, run: {annotation}) -> None: ...", namespace)
        found[annotation] = Target("target", namespace["job"]).context

    assert found.pop("RunContexts") is None
    assert set(found.values()) == {"run"}


def no_parameter() -> None: ...
def other_annotation(run: int) -> None: ...
def other_text(run: "RunContexts") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def a_list(run: list[RunContext]) -> None: ...
def a_list_as_text(run: "list[RunContext]") -> None: ...
def another_alternative(run: "RunContext | int") -> None: ...
def by_an_alias(run: "Run") -> None: ...
def no_annotation(run) -> None: ...  # type: ignore[no-untyped-def]
def many(*run: RunContext) -> None: ...
def many_by_name(**run: RunContext) -> None: ...


@pytest.mark.parametrize(
    "function",
    [no_parameter, other_annotation, other_text, a_list, a_list_as_text, another_alternative, by_an_alias,
     no_annotation, many, many_by_name],
    ids=lambda function: function.__name__,
)  # fmt: skip
def test_no_other_parameter_receives_the_run(function: Callable[..., Any]) -> None:
    assert Target("target", function).context is None


class WithMethod:
    def work(self, n: int, run: RunContext) -> None: ...


@pytest.mark.parametrize(
    "function",
    [WithMethod().work, functools.partial(after_others, 1), logged(by_class), logged(logged(by_class))],
    ids=["bound", "partial", "wrapped", "wrapped twice"],
)
def test_the_parameter_is_found_through_partials_methods_and_wrappers(function: Callable[..., Any]) -> None:
    assert Target("target", function).context == "run"


def test_a_partial_that_fills_the_parameter_keeps_what_it_filled_in() -> None:
    filled = Target("target", functools.partial(after_others, 1, run=typing.cast(RunContext, None)))

    assert filled.context == "run"
    filled.check_arguments((), {})


# Arguments


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (), {}),
        (plain, (1,), {}),
        (plain, (), {"n": 1}),
        (by_class, (), {}),
        (after_others, (1,), {"text": "x"}),
        (functools.partial(after_others, 1), (), {}),
        (print, (1, 2), {"sep": ""}),
        (dict, (), {"anything": 1}),
    ],
)
def test_arguments_that_a_call_would_take_pass(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    Target("target", function).check_arguments(args, kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "problem"),
    [
        (plain, (1, 2), {}, "too many positional arguments"),
        (plain, (), {"m": 1}, "unexpected keyword argument 'm'"),
        (plain, (1,), {"n": 1}, "multiple values for argument 'n'"),
        (after_others, (), {}, "missing a required argument: 'n'"),
        (by_class, (1,), {}, "multiple values for argument 'run'"),
    ],
)
def test_arguments_that_a_call_would_refuse_are_refused_now(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Target("target", function).check_arguments(args, kwargs)
    assert f"target{inspect.signature(function)}" in str(caught.value)


def test_a_kind_of_call_that_was_accepted_does_not_excuse_another() -> None:
    target = Target("target", plain)
    target.check_arguments((), {"n": 1})

    with pytest.raises(ConfigurationError):
        target.check_arguments((), {"m": 1})
    with pytest.raises(ConfigurationError):
        target.check_arguments((1,), {"n": 1})


def test_accepted_kinds_of_calls_do_not_pile_up() -> None:
    target = Target("target", dict)
    anything = Target("anything", lambda **kwargs: None)
    for number in range(10 * SHAPES):
        target.check_arguments((), {f"n{number}": 1})
        anything.check_arguments((), {f"n{number}": 1})

    assert len(anything._accepted) == SHAPES


# Names and places


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (plain, "plain"),
        (Mailer().send, "send"),
        (functools.partial(plain, 1), "plain"),
        (logged(coroutine), "coroutine"),
        (functools.partial(logged(plain)), "plain"),
        (Mailer, "Mailer"),
    ],
)
def test_a_target_is_called_like_its_function(function: Callable[..., Any], name: str) -> None:
    assert default_name(function) == name


@pytest.mark.parametrize(
    ("function", "what"),
    [(lambda: None, "a lambda"), (Callable_(), "a Callable_"), (functools.partial(Callable_()), "a Callable_")],
)
def test_what_has_no_name_needs_one(function: Callable[..., Any], what: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{what}.* has no name of its own: give it one with"):
        default_name(function)


def test_unwrapping_finds_the_function_itself() -> None:
    assert unwrap(functools.partial(logged(logged(plain)), 1)) is plain
    assert unwrap(Mailer().send) is Mailer.send


def test_a_target_says_where_its_function_was_defined() -> None:
    place = Target("target", plain).place

    assert place.startswith(f"{__name__}.plain (")
    assert place.endswith(f"test_target.py:{plain.__code__.co_firstlineno})")
    assert Target("target", print).place == "builtins.print"


# The registry


def test_a_registered_target_is_found_by_its_name() -> None:
    registry = Registry()
    target = registry.register(plain)

    assert registry.get("plain") is target
    assert registry.get("another") is None
    assert set(registry.targets) == {"plain"}


def test_the_same_function_again_is_the_same_target() -> None:
    registry = Registry()

    assert registry.register(plain) is registry.register(plain)


def test_a_function_without_a_given_name_keeps_the_one_it_has_here() -> None:
    registry = Registry()
    registry.register(plain, "invoice")

    assert registry.register(plain).name == "invoice"


def test_one_function_may_be_several_targets() -> None:
    registry = Registry()

    assert registry.register(plain, "a").function is registry.register(plain, "b").function
    assert set(registry.targets) == {"a", "b"}


def test_a_redefinition_in_the_same_place_replaces_the_old_function() -> None:
    registry = Registry()
    for text in ("first", "second"):
        cell: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def job(): return {text!r}", cell)
        registry.register(cell["job"])
    target = registry.get("job")

    assert target is not None
    assert target.function() == "second"


def test_another_function_of_that_name_is_refused_naming_both_places() -> None:
    def other() -> None: ...

    registry = Registry()
    registry.register(plain, "job")
    with pytest.raises(ConfigurationError, match="two targets are called 'job'") as caught:
        registry.register(other, "job")

    assert f"{__name__}.plain" in str(caught.value)
    assert ".other" in str(caught.value)


def test_a_method_of_another_object_does_not_replace_the_first() -> None:
    registry = Registry()
    ann, bob = Mailer("ann"), Mailer("bob")
    registry.register(ann.send)
    assert registry.register(ann.send).function() == "ann"

    with pytest.raises(ConfigurationError, match="another object, arguments or closure bound"):
        registry.register(bob.send)
    assert registry.register(bob.send, "to-bob").function() == "bob"


def test_a_partial_with_other_arguments_does_not_replace_the_first() -> None:
    registry = Registry()
    registry.register(functools.partial(plain, 1))
    registry.register(functools.partial(plain, 1))

    with pytest.raises(ConfigurationError, match="another object, arguments or closure bound"):
        registry.register(functools.partial(plain, 2))
    with pytest.raises(ConfigurationError, match="another object, arguments or closure bound"):
        registry.register(plain)


def test_a_callable_without_a_hash_can_be_registered() -> None:
    @dataclass
    class Report:
        name: str

        def __call__(self) -> str:
            return self.name

    report = Report("sales")
    registry = Registry()

    assert registry.register(report, "report") is registry.register(report, "report")


def test_a_copy_does_not_see_what_is_registered_later() -> None:
    registry = Registry()
    registry.register(plain)
    twin = registry.copy()
    registry.register(coroutine)

    assert set(twin.targets) == {"plain"}
    assert twin.register(plain) is registry.register(plain)


def test_a_target_that_was_only_checked_is_not_there_yet() -> None:
    registry = Registry()
    target = registry.check(plain)
    assert registry.get("plain") is None
    registry.put(target)
    assert registry.get("plain") is target


def test_a_function_that_was_replaced_is_let_go() -> None:
    registry = Registry()
    kept = []
    for text in ("first", "second"):
        cell: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def job(): return {text!r}", cell)
        kept.append(weakref.ref(registry.register(cell["job"]).function))
        del cell
        gc.collect()

    assert [reference() is None for reference in kept] == [True, False]
