"""What people give as text: refused alike on every store where no store could keep it."""

from collections.abc import Callable
from typing import Any

import pytest

from cronkit import ConfigurationError, JobNotFoundError, Scheduler
from tests.scheduler.homes import Home

HALF = "na\udc80me"
"""Half a surrogate pair, as JSON from a client may hold, and names of files."""


def work() -> None: ...


VERBS: dict[str, Callable[[Scheduler, Any], object]] = {
    "id of add": lambda s, text: s.add(work, "1h", id=text),
    "owner of add": lambda s, text: s.add(work, "1h", id="new", owner=text),
    "name of add": lambda s, text: s.add(work, "1h", id="new", name=text),
    "description of add": lambda s, text: s.add(work, "1h", id="new", description=text),
    "tag of add": lambda s, text: s.add(work, "1h", id="new", tags=[text]),
    "by of add": lambda s, text: s.add(work, "1h", id="new", by=text),
    "by of add_many": lambda s, text: s.add_many([{"target": work, "id": "new"}], by=text),
    "id of job": lambda s, text: s.job("1h", id=text)(work),
    "name of target": lambda s, text: s.target(work, name=text),
    "alias of target": lambda s, text: s.target(work, aliases=[text]),
    "id of update": lambda s, text: s.update(text, timeout="5s"),
    "by of update": lambda s, text: s.update("beat", timeout="5s", by=text),
    "reason of pause": lambda s, text: s.pause("beat", reason=text),
    "by of pause": lambda s, text: s.pause("beat", by=text),
    "by of resume": lambda s, text: s.resume("beat", by=text),
    "by of reset": lambda s, text: s.reset("beat", by=text),
    "by of remove": lambda s, text: s.remove("beat", by=text),
    "by of apply": lambda s, text: s.apply(by=text),
    "id of purge": lambda s, text: s.purge(text),
    "id of get": lambda s, text: s.get(text),
    "id of history": lambda s, text: s.history(text),
    "tag of jobs": lambda s, text: s.jobs(tag=text),
    "owner of jobs": lambda s, text: s.jobs(owner=text),
    "cursor of jobs": lambda s, text: s.jobs(cursor=text),
    "id of trigger": lambda s, text: s.trigger(text),
    "key of trigger": lambda s, text: s.trigger("beat", key=text),
    "id of cancel": lambda s, text: s.cancel(text),
    "reason of cancel": lambda s, text: s.cancel(s.trigger("beat").id, reason=text),
    "id of release": lambda s, text: s.release(text),
    "id of run_handle": lambda s, text: s.run_handle(text),
    "job of runs": lambda s, text: s.ledger.runs(job=text),
    "cursor of runs": lambda s, text: s.ledger.runs(cursor=text),
    "id of run": lambda s, text: s.ledger.run(text),
    "job of counts": lambda s, text: s.ledger.counts(text),
}
"""Every text that a verb passes on to its store."""


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_half_a_surrogate_pair_is_refused_by_name(home: Home, verb: Callable[[Scheduler, Any], object]) -> None:
    scheduler = home.deploy(lambda scheduler: scheduler.job("1h", id="beat")(work))
    with pytest.raises(ConfigurationError, match=r"='na\\udc80me' has half a surrogate pair as its character 3"):
        verb(scheduler, HALF)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_nul_is_refused_by_name(home: Home, verb: Callable[[Scheduler, Any], object]) -> None:
    scheduler = home.deploy(lambda scheduler: scheduler.job("1h", id="beat")(work))
    with pytest.raises(ConfigurationError, match=r"='na\\x00me' has a NUL as its character 3, .*replace\('\\0', ''\)"):
        verb(scheduler, "na\0me")


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_what_is_no_text_is_refused_by_name(home: Home, verb: Callable[[Scheduler, Any], object]) -> None:
    scheduler = home.deploy(lambda scheduler: scheduler.job("1h", id="beat")(work))
    with pytest.raises(ConfigurationError, match=r"\w=(\[5\]|5)(: give| is no text: give)"):
        verb(scheduler, 5)


@pytest.mark.parametrize("option", ["namespace", "owner"])
def test_a_scheduler_refuses_half_a_surrogate_pair(option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}=.* has half a surrogate pair"):
        Scheduler(**{option: HALF})  # type: ignore[arg-type]


def test_any_other_text_is_kept_as_it_is(home: Home) -> None:
    scheduler = home.scheduler()
    scheduler.add(work, "1h", id="дата 🕐", tags=["é"], owner="\x01", by="李")
    assert scheduler.get("дата 🕐").tags == {"é"}
    assert [job.id for job in scheduler.jobs(owner="\x01")] == ["дата 🕐"]
    assert scheduler.history("дата 🕐")[0].by == "李"


@pytest.mark.parametrize("verb", ["get", "pause", "trigger", "remove", "reset"])
def test_a_verb_that_is_given_a_removed_job_says_where_to_find_it(home: Home, verb: str) -> None:
    scheduler = home.scheduler()
    scheduler.add(work, "1h", id="beat")
    scheduler.remove("beat")
    with pytest.raises(JobNotFoundError, match=r"'beat' was removed from namespace 'default': jobs\(removed=True\)"):
        getattr(scheduler, verb)("beat")


def test_a_job_that_never_was_is_not_said_to_be_removed(home: Home) -> None:
    with pytest.raises(JobNotFoundError, match=r"no job 'beat' in namespace 'default': jobs\(\) lists"):
        home.scheduler().get("beat")


MISTAKES: dict[str, tuple[Callable[[Any], object], str]] = {
    "a word for a plan": (lambda s: s.apply("beat"), r"apply\('beat'\): give what plan\(\) returned"),
    "True for a plan": (lambda s: s.apply(True), "orphans are removed with prune="),
    "no choice of orphans": (lambda s: s.apply(prune=None), "prune=None: give True for all orphaned jobs"),
    "a number of orphans": (lambda s: s.apply(prune=5), "prune=5: give True"),
    "orphans of all kinds": (lambda s: s.apply(prune=["b", 5]), "prune names 'b', 5; the orphaned jobs are none"),
    "no jobs to add": (lambda s: s.add_many(5), r"add_many\(5\): give a list of jobs"),
    "one job to add": (lambda s: s.add_many({"target": work}), "give a list of jobs, each a dict"),
    "no aliases of a target": (lambda s: s.target(work, aliases=None), "aliases=None: give names that 'work' had"),
    "no aliases of a job": (lambda s: s.job("1h", aliases=None)(work), "aliases=None: give names that 'work' had"),
    "who declares a job": (
        lambda s: s.job("1h", by="ann")(work),
        r"by= is no option of a job: .*update\(\), pause\(\)",
    ),
    "what to do if it exists": (lambda s: s.job("1h", exists="keep")(work), r"it belongs to add\(\) and add_many\(\)"),
}
"""Slips in a call, and what the error says."""


@pytest.mark.parametrize(("call", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_slip_in_a_call_is_an_error_that_names_the_remedy(call: Callable[[Any], object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call(Scheduler())
