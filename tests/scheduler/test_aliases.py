"""A function or a job that is renamed in code: its aliases say what it was called before."""

from datetime import timedelta
from typing import Any

import pytest

from cronkit import ConfigurationError, Cron, Every, Manual, RunStatus, Scheduler, events
from cronkit.jobs.job import JobRow
from tests.scheduler.faces import NOON
from tests.scheduler.homes import Declare, Home
from tests.scheduler.test_deploys import heard

PATIENCE = 10


def mail() -> str:
    return "sent"


def other_work() -> None:
    """Another target."""


def declared(job_id: str, schedule: Any = "1h", *aliases: str, **options: Any) -> Declare:
    return lambda scheduler: scheduler.job(schedule, id=job_id, aliases=aliases, **options)(mail)


# -- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rename",
    [
        lambda s: s.target(name="mail", aliases=["send-mail"])(mail),
        lambda s: s.add(mail, id="another", aliases=["send-mail"]),
        lambda s: s.job("1d", id="another", aliases=["send-mail"])(mail),
    ],
    ids=["target", "add", "job"],
)
def test_a_stored_job_finds_its_target_under_an_alias(home: Home, rename: Declare) -> None:
    before = home.scheduler()
    before.target(name="send-mail")(mail)
    before.add("send-mail", id="made", kwargs={})
    with home.scheduler(rename) as scheduler:
        assert scheduler.trigger("made").result(timeout=PATIENCE) == "sent"


def test_an_alias_may_name_the_target_of_a_new_job(home: Home) -> None:
    scheduler = home.scheduler(lambda s: s.target(name="mail", aliases=["send-mail"])(mail))
    assert scheduler.add("send-mail", "1h", id="made").spec.target == "mail"


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ("old", r"aliases='old': give several names, such as \['old'\]"),
        ([5], r"aliases=\[5\]: give names that 'mail' had before"),
        ([""], "give names that 'mail' had before"),
        (["mail"], "give names that 'mail' had before"),
    ],
)
def test_aliases_that_cannot_be_are_refused(aliases: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Scheduler().target(name="mail", aliases=aliases)(mail)


def test_an_alias_that_is_another_targets_name_is_refused_whichever_comes_first() -> None:
    scheduler = Scheduler()
    scheduler.target(name="old")(other_work)
    with pytest.raises(ConfigurationError, match=r"'old' cannot be an alias of 'mail' .*mail .*other_work"):
        scheduler.job("1h", id="mail", aliases=["old"])(mail)
    scheduler = Scheduler()
    scheduler.job("1h", id="mail", aliases=["old"])(mail)
    with pytest.raises(ConfigurationError, match="two targets are called 'old'"):
        scheduler.target(name="old")(other_work)


def test_a_refused_alias_leaves_nothing_registered() -> None:
    scheduler = Scheduler()
    scheduler.target(name="old")(other_work)
    with pytest.raises(ConfigurationError):
        scheduler.job("1h", id="mail", aliases=["older", "old"])(mail)
    assert set(scheduler._parts.registry.targets) == {"old"}
    assert not scheduler._parts.declarations


def test_an_alias_leads_to_the_newer_version_of_its_function() -> None:
    scheduler = Scheduler()

    def run_cell(answer: int) -> None:
        exec(f"def cell(): return {answer}\nregister(cell)", {"__name__": "__main__", "register": register})

    def register(cell: Any) -> None:
        scheduler.target(name="cell", aliases=["old"] if not scheduler._parts.registry.targets else ())(cell)

    run_cell(1)
    run_cell(2)
    assert scheduler._parts.registry.targets["old"].function() == 2


# -- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_that_is_renamed_in_code_is_the_same_job(home: Home) -> None:
    operator = home.deploy(declared("send-mail"))
    operator.update("send-mail", timeout="5s")
    operator.pause("send-mail", reason="migration")
    operator.trigger("send-mail", key="click")
    before = operator.get("send-mail")
    home.clock.advance(minutes=10)
    scheduler = home.deploy(declared("mail", "1h", "send-mail"))
    job = scheduler.get("mail")
    assert (job.key.generation, job.created_at, job.watermark) == (
        before.key.generation,
        before.created_at,
        before.watermark,
    )
    assert (job.overrides, job.pause, job.counters) == (before.overrides, before.pause, before.counters)
    assert job.policies.timeout == timedelta(seconds=5)
    assert [job.id for job in scheduler.jobs()] == ["mail"]
    assert {run.job_id for run in scheduler.ledger.runs()} == {"mail"}
    actions = [revision.action for revision in scheduler.history("mail")]
    assert actions == ["added", "updated", "paused", "renamed from send-mail", "deployed"]


def test_renaming_a_job_loses_repeats_and_postpones_no_occurrence(home: Home) -> None:
    home.deploy(declared("send-mail", "1h"))
    home.clock.advance(minutes=130)
    scheduler = home.deploy(declared("mail", "1h", "send-mail"))
    assert scheduler.get("mail").next_run_at == NOON
    assert home.due(scheduler) == ["mail"]
    assert len(scheduler.ledger.runs()) == 0


def test_a_renamed_job_runs_under_its_new_name(home: Home) -> None:
    home.deploy(declared("send-mail", Manual()))
    with home.scheduler(declared("mail", Manual(), "send-mail")) as scheduler:
        assert scheduler.trigger("mail").result(timeout=PATIENCE) == "sent"
        assert scheduler.get("mail").spec.target == "mail"


def test_a_run_that_waited_when_its_job_was_renamed_still_runs(home: Home) -> None:
    waiting = home.deploy(declared("send-mail", Manual())).trigger("send-mail")
    with home.scheduler(declared("mail", Manual(), "send-mail")) as scheduler:
        assert scheduler.run_handle(waiting.id).result(timeout=PATIENCE) == "sent"
        assert scheduler.ledger.run(waiting.id).status is RunStatus.SUCCEEDED


def test_a_renaming_is_told_of_and_planned(home: Home) -> None:
    home.deploy(declared("send-mail"))
    scheduler = home.scheduler(declared("mail", "1h", "send-mail"))
    plan = scheduler.plan()
    assert (plan.renamed, plan.changed, plan.orphaned) == ({"mail": "send-mail"}, {}, ())
    assert str(plan).splitlines()[0] == "> renamed  mail  was send-mail"
    told = heard(scheduler, events.JobRenamed)
    assert scheduler.apply(plan) == plan
    assert [(event.job_id, event.before) for event in told] == [("mail", "send-mail")]
    assert not scheduler.plan()


def test_a_job_may_be_renamed_and_changed_at_once(home: Home) -> None:
    home.deploy(declared("send-mail", "1h"))
    scheduler = home.scheduler(declared("mail", "2h", "send-mail"))
    plan = scheduler.apply()
    assert [change.option for change in plan.changed["mail"]] == ["schedule"]
    assert scheduler.get("mail").schedule == Every("2h")


def test_a_job_may_be_renamed_twice_between_two_deployments(home: Home) -> None:
    before = home.deploy(declared("first")).get("first")
    job = home.deploy(declared("third", "1h", "second", "first")).get("third")
    assert job.key.generation == before.key.generation


def test_an_alias_may_stay_in_code_and_may_go(home: Home) -> None:
    home.deploy(declared("send-mail"))
    before = home.deploy(declared("mail", "1h", "send-mail")).get("mail")
    assert home.deploy(declared("mail", "1h", "send-mail")).get("mail") == before
    assert home.deploy(declared("mail")).get("mail") == before


def test_a_job_of_the_run_time_is_not_renamed(home: Home) -> None:
    home.scheduler().add(mail, "1h", id="send-mail")
    scheduler = home.scheduler(declared("mail", "1h", "send-mail"))
    assert scheduler.apply().added == ("mail",)
    assert [job.id for job in scheduler.jobs()] == ["mail", "send-mail"]


def test_a_job_whose_new_id_is_taken_is_not_renamed(home: Home) -> None:
    home.deploy(declared("send-mail"))
    home.deploy(declared("mail"))
    scheduler = home.scheduler(declared("mail", "1h", "send-mail"))
    assert scheduler.plan().unchanged == ("mail",)
    assert scheduler.plan().orphaned == ("send-mail",)


def test_a_job_that_was_removed_by_hand_stays_away_under_its_new_name(home: Home) -> None:
    home.deploy(declared("send-mail")).remove("send-mail")
    scheduler = home.deploy(declared("mail", "1h", "send-mail"))
    assert scheduler.plan().removed == ("mail",)
    assert len(scheduler.jobs()) == 0


def test_a_removed_job_can_be_brought_back_under_its_new_name(home: Home) -> None:
    home.deploy(declared("send-mail")).remove("send-mail")
    scheduler = home.deploy(declared("mail", "1h", "send-mail"))
    assert scheduler.reset("mail").id == "mail"


def test_the_minute_that_was_picked_for_a_job_stays_when_it_is_renamed(home: Home) -> None:
    before = home.deploy(declared("send-mail", "H H * * *")).get("send-mail")
    for _ in range(2):
        scheduler = home.deploy(declared("mail", "H H * * *", "send-mail"))
        assert scheduler.get("mail").next_run_at == before.next_run_at
        assert scheduler.get("mail").schedule == before.schedule
        assert scheduler.plan().unchanged == ("mail",)


def test_a_renamed_job_with_another_picked_time_follows_its_declaration(home: Home) -> None:
    home.deploy(declared("send-mail", "H H * * *"))
    job = home.deploy(declared("mail", "H 3 * * *", "send-mail")).get("mail")
    assert job.schedule == Cron("H 3 * * *", tz="UTC", seed="mail")


def test_an_older_version_takes_a_renamed_job_back_rather_than_to_add_a_second(home: Home) -> None:
    home.deploy(declared("old"))
    home.clock.advance(minutes=30)
    home.deploy(declared("new", "1h", "old"))
    home.clock.advance(minutes=10)
    older = home.deploy(declared("old"))
    assert [job.id for job in older.jobs()] == ["old"]
    assert older.get("old").next_run_at == NOON
    newer = home.deploy(declared("new", "1h", "old"))
    assert [job.id for job in newer.jobs()] == ["new"]
    assert newer.get("new").next_run_at == NOON
    assert newer.history("new")[0].action == "added"


def test_workers_of_an_older_version_that_start_at_once_take_a_renamed_job_back_together(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.deploy(declared("old")).pause("old")
    home.deploy(declared("new", "1h", "old"))
    first, second = home.scheduler(declared("old")), home.scheduler(declared("old"))
    found = second._deployment._finder.find_all(second._parts.declarations.all)
    store = first._parts.store
    rename = store.rename

    def rename_late(job: JobRow, job_id: str) -> bool:
        monkeypatch.setattr(store, "rename", rename)
        second._deployment._carry_out(found)
        return rename(job, job_id)

    monkeypatch.setattr(store, "rename", rename_late)
    first.apply()
    assert [(job.id, job.pause is not None) for job in first.jobs()] == [("old", True)]


def test_a_version_of_long_ago_finds_a_job_that_was_renamed_twice(home: Home) -> None:
    home.deploy(declared("first"))
    home.deploy(declared("second", "1h", "first"))
    home.deploy(declared("third", "1h", "first", "second"))
    assert [job.id for job in home.deploy(declared("first")).jobs()] == ["first"]


def test_an_id_that_a_renamed_job_had_is_free_for_a_job_made_at_run_time(home: Home) -> None:
    home.deploy(declared("old"))
    scheduler = home.deploy(declared("new", "1h", "old"))
    scheduler.add(other_work, "1d", id="old")
    assert [job.id for job in scheduler.jobs()] == ["new", "old"]


def test_a_former_id_may_be_declared_again_for_another_job(home: Home) -> None:
    home.deploy(declared("old"))
    home.deploy(declared("new", "1h", "old"))

    def both(scheduler: Scheduler) -> None:
        scheduler.job("1h", id="new")(mail)
        scheduler.job("1d", id="old")(other_work)

    for _ in range(3):
        scheduler = home.deploy(both)
        assert [(job.id, job.spec.target) for job in scheduler.jobs()] == [("new", "new"), ("old", "old")]
        assert not scheduler.plan()


def test_a_former_id_is_free_for_another_owner(home: Home) -> None:
    home.deploy(declared("old", owner="web"))
    home.deploy(declared("new", "1h", "old", owner="web"))
    home.deploy(declared("old", "1d", owner="reports"))
    assert [job.id for job in home.scheduler().jobs()] == ["new", "old"]


def test_what_was_changed_by_hand_stays_over_a_rename_and_the_way_back(home: Home) -> None:
    home.deploy(declared("old"))
    home.deploy(declared("new", "1h", "old")).pause("new", reason="migration")
    back = home.deploy(declared("old")).get("old")
    assert back.pause is not None
    assert back.pause.reason == "migration"
