"""What a restart, a changed declaration and an operator's change do to a job that is in the store already."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronkit import (
    At,
    ConfigurationError,
    Cron,
    Defaults,
    Every,
    JobNotFoundError,
    LifecycleError,
    RunStatus,
    Schedule,
    Scheduler,
    events,
)
from cronkit.stores.protocol import Change, Reach
from tests.scheduler.faces import NOON
from tests.scheduler.homes import Declare, Home


def work(n: int = 0) -> int:
    return n


def other_work() -> None:
    """Another target."""


def beat(schedule: Any = "1h", **options: Any) -> Declare:
    """A program that declares one job."""
    return lambda scheduler: scheduler.job(schedule, id="beat", **options)(work)


def nothing(scheduler: Scheduler) -> None:
    """A program that declares something else."""
    scheduler.job("1d", id="other")(other_work)


def heard(scheduler: Scheduler, *kinds: type[events.Event]) -> list[Any]:
    """The events of these kinds, from now on, in the order in which they are published."""
    found: list[Any] = []
    publish = scheduler._parts.bus.publish

    def note(event: events.Event) -> None:
        if isinstance(event, kinds):
            found.append(event)
        publish(event)

    scheduler._parts.bus.publish = note  # type: ignore[method-assign]
    scheduler._parts.bus.wants = lambda event_type: True  # type: ignore[method-assign]
    return found


# -- a restart --------------------------------------------------------------------------------------------------------


def test_a_restart_leaves_an_unchanged_job_as_it_was(home: Home) -> None:
    before = home.deploy(beat()).get("beat")
    home.clock.advance(minutes=20)
    assert home.deploy(beat()).get("beat") == before


@pytest.mark.parametrize(
    "schedule", ["7m", "0 9 * * MON-FRI", "now", At("2027-01-01T00:00Z"), Cron("H H * * *", seed="beat")], ids=str
)
def test_a_restart_never_moves_the_next_run_of_an_unchanged_job(home: Home, schedule: Any) -> None:
    due = home.deploy(beat(schedule)).get("beat").next_run_at
    for _ in range(3):
        home.clock.advance(seconds=90)
        assert home.deploy(beat(schedule)).get("beat").next_run_at == due


def test_what_came_due_between_two_deployments_is_still_to_run(home: Home) -> None:
    home.deploy(beat())
    home.clock.advance(hours=2, minutes=30)
    scheduler = home.deploy(beat())
    assert home.due(scheduler) == ["beat"]
    assert scheduler.get("beat").next_run_at == NOON


def test_a_schedule_that_is_written_otherwise_and_means_the_same_is_unchanged(home: Home) -> None:
    home.deploy(beat("0 9 * * MON-FRI"))
    scheduler = home.scheduler(beat("0 9 * * 1-5"))
    assert scheduler.plan().unchanged == ("beat",)


def test_a_restart_writes_nothing_about_unchanged_jobs(home: Home) -> None:
    home.deploy(beat())
    scheduler = home.scheduler(beat())
    told: list[Change] = []
    scheduler._parts.store.subscribe(lambda change, detail: told.append(change))
    scheduler.apply()
    assert told == []
    assert [revision.action for revision in scheduler.history("beat")] == ["added"]


def test_a_job_that_has_ended_may_stay_declared(home: Home) -> None:
    once = beat(At("2026-03-27T13:00Z"))
    home.deploy(once)
    home.clock.advance(days=2)
    assert home.deploy(once).get("beat").spec.schedule == At("2026-03-27T13:00Z").bind(tz="UTC")


# -- a changed declaration --------------------------------------------------------------------------------------------


def test_a_changed_declaration_changes_the_job(home: Home) -> None:
    home.deploy(beat("1h", tags=["old"]))
    job = home.deploy(beat("2h", tags=["new"], timeout="10s")).get("beat")
    assert (job.schedule, job.tags, job.policies.timeout) == (Every("2h"), frozenset({"new"}), timedelta(seconds=10))
    assert job.declared == job.spec


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Every("1h", start="2027-01-01T12:10Z"), Every("1h", start="2027-01-01T12:20Z")),
        (Cron("0 9 * * *", dst="once"), Cron("0 9 * * *", dst="literal")),
        (
            Cron("30 2 * * MON-FRI", tz="America/New_York", end="2027-06-01T00:00"),
            Cron("30 2 * * MON-FRI", tz="America/New_York", end="2027-07-01T00:00"),
        ),
    ],
    ids=["start", "dst", "end"],
)
def test_a_plan_shows_how_two_schedules_of_one_text_differ(home: Home, before: Schedule, after: Schedule) -> None:
    home.deploy(beat(before))
    (change,) = home.scheduler(beat(after)).plan().changed["beat"]
    shown = repr(before.bind(tz=UTC)), repr(after.bind(tz=UTC))
    assert (change.before, change.after) == shown
    assert change.before != change.after


def test_a_changed_schedule_never_causes_a_catch_up(home: Home) -> None:
    home.deploy(beat("0 18 * * *"))
    home.clock.advance(hours=1)
    scheduler = home.deploy(beat("0 3 * * *"))
    assert home.due(scheduler) == []
    assert scheduler.get("beat").next_run_at == datetime(2026, 3, 28, 3, tzinfo=UTC)
    assert len(scheduler.ledger.runs()) == 0


def test_what_was_due_on_the_old_schedule_is_accounted_for_before_the_new_one_begins(home: Home) -> None:
    home.deploy(beat("1h"))
    home.clock.advance(hours=3, minutes=30)
    scheduler = home.deploy(beat("7h"))
    runs = scheduler.ledger.runs(job="beat")
    assert sum(run.count for run in runs) == 4  # noon, and three hours after it
    assert [run.status for run in runs if run.status.is_open] == [RunStatus.QUEUED]
    assert scheduler.get("beat").watermark <= home.clock.now()


def test_a_change_of_the_schedulers_defaults_is_a_change_of_its_jobs(home: Home) -> None:
    home.deploy(beat())
    job = home.deploy(beat(), defaults=Defaults(timeout="1m")).get("beat")
    assert job.policies.timeout == timedelta(minutes=1)


def test_a_deployment_is_told_of_and_is_in_the_history(home: Home) -> None:
    home.deploy(beat())
    scheduler = home.scheduler(beat("2h", overlap="queue"))
    told = heard(scheduler, events.JobEvent)
    scheduler.apply()
    assert [(type(event), event.changed) for event in told] == [(events.JobUpdated, ("overlap", "schedule"))]
    assert [revision.action for revision in scheduler.history("beat")] == ["added", "deployed"]


def test_a_job_that_was_made_at_run_time_is_codes_once_code_declares_it(home: Home) -> None:
    home.scheduler().add(work, "5m", id="beat")
    scheduler = home.scheduler(beat("1h"))
    plan = scheduler.apply()
    assert [change.option for change in plan.changed["beat"]] == ["declared", "schedule", "target"]
    assert scheduler.get("beat").declared == scheduler.get("beat").spec
    assert scheduler.get("beat").schedule == Every("1h")


def test_a_job_that_was_made_at_run_time_just_as_it_is_declared_is_codes_too(home: Home) -> None:
    maker = home.scheduler()
    maker.target(name="beat")(work)
    before = maker.add("beat", "1h", id="beat")
    scheduler = home.deploy(beat("1h"))
    assert scheduler.get("beat").declared == before.spec
    assert scheduler.plan().unchanged == ("beat",)


def test_a_value_that_is_not_equal_to_itself_is_unchanged(home: Home) -> None:
    home.deploy(beat("1h", kwargs={"n": float("nan")}))
    assert home.scheduler(beat("1h", kwargs={"n": float("nan")})).plan().unchanged == ("beat",)


def test_two_processes_that_deploy_the_same_jobs_at_once_make_each_once(home: Home) -> None:
    first, second = home.scheduler(beat()), home.scheduler(beat())
    find = second._deployment._finder.find_all(second._parts.declarations.all)
    first.apply()
    second._deployment._carry_out(find)
    assert [revision.action for revision in second.history("beat")] == ["added"]


def test_a_deployment_looks_again_where_an_operator_was_faster(home: Home) -> None:
    operator = home.deploy(beat("1h"))
    scheduler = home.scheduler(beat("2h"))
    found = scheduler._deployment._finder.find_all(scheduler._parts.declarations.all)
    operator.update("beat", timeout="5s")
    scheduler._deployment._carry_out(found)
    job = operator.get("beat")
    assert (job.schedule, job.policies.timeout) == (Every("2h"), timedelta(seconds=5))


# -- what somebody changed by hand ------------------------------------------------------------------------------------


def test_what_was_changed_by_hand_is_a_layer_of_its_own(home: Home) -> None:
    job = home.deploy(beat("1h")).update("beat", schedule="10m", timeout="5s")
    assert job.overrides == {"schedule", "timeout"}
    assert job.declared is not None
    assert (job.schedule, job.declared.schedule) == (Every("10m"), Every("1h"))


def test_a_job_that_no_code_declares_has_no_such_layer(home: Home) -> None:
    scheduler = home.scheduler()
    scheduler.add(work, "1h", id="beat")
    assert scheduler.update("beat", schedule="10m").overrides == frozenset()


def test_a_deployment_leaves_what_was_changed_by_hand(home: Home) -> None:
    home.deploy(beat("1h")).update("beat", schedule="10m", overlap="allow")
    job = home.deploy(beat("3h", timeout="5s", retry=3)).get("beat")
    assert (job.schedule, job.policies.overlap) == (Every("10m"), "allow")
    assert (job.policies.timeout, job.policies.retry.attempts) == (timedelta(seconds=5), 3)
    assert job.declared is not None
    assert job.declared.schedule == Every("3h")


def test_adding_to_update_a_declared_job_changes_it_by_hand(home: Home) -> None:
    job = home.deploy(beat("1h")).add(work, "10m", id="beat", exists="update")
    assert job.overrides == {"schedule"}


def test_a_deployment_never_touches_a_pause(home: Home) -> None:
    paused = home.deploy(beat("1h")).pause("beat", reason="migration", by="ann")
    job = home.deploy(beat("2h")).get("beat")
    assert (job.pause, job.next_run_at) == (paused.pause, None)


def test_a_paused_job_is_not_due_on_its_new_schedule(home: Home) -> None:
    home.deploy(beat("1h")).pause("beat")
    scheduler = home.deploy(beat("2h"))
    home.clock.advance(hours=5)
    assert home.due(scheduler) == []
    assert scheduler.resume("beat").schedule == Every("2h")


def test_a_change_in_code_that_is_shadowed_is_told_of(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.deploy(beat("1h")).update("beat", schedule="10m", timeout="5s")
    scheduler = home.scheduler(beat("2h", tags=["etl"]))
    told = heard(scheduler, events.OverrideShadows)
    scheduler.apply()
    assert [(event.job_id, event.options) for event in told] == [("beat", ("schedule",))]
    assert "changed by hand: schedule; reset('beat') goes back to the code" in caplog.text


def test_a_change_in_code_that_is_shadowed_is_told_of_once(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.deploy(beat("1h")).update("beat", schedule="10m")
    home.deploy(beat("2h"))
    caplog.clear()
    home.deploy(beat("2h"))
    assert caplog.text == ""


def test_reset_goes_back_to_what_code_declares_now(home: Home) -> None:
    home.deploy(beat("1h")).update("beat", schedule="10m", timeout="5s")
    scheduler = home.deploy(beat("2h"))
    job = scheduler.reset("beat", by="ann")
    assert (job.schedule, job.policies.timeout, job.overrides) == (Every("2h"), None, frozenset())
    assert [(each.action, each.by) for each in scheduler.history("beat")][-1] == ("reset", "ann")


def test_reset_leaves_a_pause_and_the_next_run_of_an_unchanged_schedule(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    due = scheduler.get("beat").next_run_at
    scheduler.update("beat", timeout="5s")
    home.clock.advance(minutes=50)
    assert scheduler.reset("beat").next_run_at == due
    scheduler.update("beat", timeout="5s")
    scheduler.pause("beat")
    assert scheduler.reset("beat").paused


def test_reset_does_nothing_to_a_job_that_nobody_has_changed(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    before = scheduler.get("beat")
    assert scheduler.reset("beat") == before
    assert len(scheduler.history("beat")) == 1


def test_reset_of_a_job_that_no_code_declares_is_refused(home: Home) -> None:
    scheduler = home.scheduler()
    scheduler.add(work, "1h", id="beat")
    with pytest.raises(ConfigurationError, match="no declaration to go back to: it was made at run time"):
        scheduler.reset("beat")
    with pytest.raises(JobNotFoundError):
        scheduler.reset("nobody")


def test_reset_works_from_a_process_that_does_not_have_the_code(home: Home) -> None:
    home.deploy(beat("1h")).update("beat", schedule="10m")
    assert home.scheduler().reset("beat").schedule == Every("1h")


# -- a job that somebody removed --------------------------------------------------------------------------------------


def test_a_job_that_was_removed_by_hand_stays_away(home: Home) -> None:
    home.deploy(beat("1h")).remove("beat")
    for schedule in ("1h", "2h"):
        scheduler = home.deploy(beat(schedule))
        assert len(scheduler.jobs()) == 0
        assert scheduler.plan().removed == ("beat",)
        assert not scheduler.plan()


def test_a_start_says_once_that_a_declared_job_was_removed(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.deploy(beat("1h")).remove("beat")
    with home.scheduler(beat("1h")) as scheduler:
        assert caplog.text.count("job 'beat' is declared, but somebody has removed it: reset('beat')") == 1
        scheduler.jobs()
        assert caplog.text.count("somebody has removed it") == 1


def test_reset_brings_a_removed_job_back_as_code_declares_it_now(home: Home) -> None:
    removed = home.deploy(beat("1h"))
    first = removed.update("beat", schedule="10m")
    removed.remove("beat")
    scheduler = home.deploy(beat("2h"))
    job = scheduler.reset("beat", by="ann")
    assert (job.schedule, job.overrides, job.declared) == (Every("2h"), frozenset(), job.spec)
    assert job.key.generation > first.key.generation
    assert scheduler.plan().unchanged == ("beat",)


def test_adding_a_removed_job_brings_it_back(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    scheduler.remove("beat")
    scheduler.add(work, "5m", id="beat")
    assert home.deploy(beat("1h")).get("beat").schedule == Every("1h")


def test_a_job_of_the_run_time_that_was_removed_may_be_declared(home: Home) -> None:
    scheduler = home.scheduler()
    scheduler.add(work, "5m", id="beat")
    scheduler.remove("beat")
    assert home.deploy(beat("1h")).get("beat").schedule == Every("1h")


def test_removed_jobs_can_be_looked_at(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    scheduler.remove("beat", by="ann")
    assert [(job.id, job.removed_at) for job in scheduler.jobs(removed=True)] == [("beat", NOON)]


def test_purge_forgets_a_removed_job_and_its_removal(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    scheduler.remove("beat")
    assert scheduler.purge("beat") == 1
    assert len(scheduler.jobs(removed=True)) == 0
    assert home.deploy(beat("1h")).get("beat").id == "beat"


def test_purge_of_a_job_that_was_not_removed_is_refused(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    for job_id in ("beat", "nobody"):
        with pytest.raises(JobNotFoundError, match=r"no job .* was removed .*remove\(\) it first"):
            scheduler.purge(job_id)
    assert scheduler.get("beat").id == "beat"


def test_purge_of_a_removed_job_whose_run_goes_on_is_refused_and_forgets_nothing(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    run_id = scheduler.trigger("beat").id
    scheduler._parts.store.renew("node", {}, timedelta(minutes=1), NOON)
    reach = Reach(scheduler.namespace, scheduler._parts.registry.targets)
    (claimed,) = scheduler._parts.store.claim((), NOON, "node", {"default": 1}, reach).runs
    scheduler.remove("beat")
    with pytest.raises(LifecycleError, match=r"a run of it has not ended: cancel it, or wait"):
        scheduler.purge("beat")

    assert (claimed.run.id, scheduler.ledger.run(run_id).status) == (run_id, RunStatus.RUNNING)
    assert [job.id for job in scheduler.jobs(removed=True)] == ["beat"]


# -- jobs that code no longer declares --------------------------------------------------------------------------------


def test_a_job_that_is_no_longer_declared_is_kept(home: Home) -> None:
    before = home.deploy(beat("1h")).get("beat")
    scheduler = home.deploy(nothing)
    assert scheduler.get("beat") == before
    assert scheduler.plan().orphaned == ("beat",)


def test_a_job_whose_target_is_gone_never_runs_here_and_is_told_of_at_the_start(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.deploy(beat("1h"))
    home.clock.advance(hours=2)
    scheduler = home.scheduler(nothing)
    told = heard(scheduler, events.JobUnresolved)
    with scheduler:
        assert scheduler.plan().unresolved == ("beat",)
        assert home.due(scheduler) == []
        assert (scheduler.health().unresolved, scheduler.plan().missing_targets) == (("beat",), {})
    assert [(event.job_id, event.target) for event in told] == [("beat", "beat")]
    assert caplog.text.count("'beat' is not registered") == 1


def stray(scheduler: Scheduler) -> None:
    """A program that knows a target, and declares no job of it."""
    scheduler.target(name="send")(work)


def test_a_job_made_at_run_time_whose_target_is_gone_is_told_of_at_the_start(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.scheduler(stray).add("send", "1h", id="invoice")
    scheduler = home.scheduler(nothing)
    told = heard(scheduler, events.JobUnresolved)
    with scheduler:
        assert scheduler.health().unresolved == ("send",)
    assert [(event.job_id, event.target) for event in told] == [("invoice", "send")]
    (warning,) = (each.getMessage() for each in caplog.records if each.name == "cronkit.scheduler")
    assert warning == (
        "no target 'send' is registered here, so that job 'invoice' cannot run before it is: register it with "
        "@scheduler.target(name='send'), or what it is called now with aliases=['send'], unless another program on "
        "this store has it"
    )


def test_a_plan_shows_the_targets_that_are_gone_and_some_of_the_jobs_that_ask_for_them(home: Home) -> None:
    before = home.scheduler(stray)
    for number in range(5):
        before.add("send", "1h", id=f"job-{number}")
    plan = home.deploy(nothing).plan()
    assert not plan
    assert plan.missing_targets == {"send": ("job-0", "job-1", "job-2", "job-3", "job-4")}
    assert str(plan).splitlines() == [
        "? missing  send  no such target is registered here: jobs 'job-0', 'job-1', 'job-2' and others cannot run here",
        "nothing to do; 1 unchanged",
    ]


def test_a_target_that_is_gone_does_not_put_a_plan_out_of_date(home: Home) -> None:
    scheduler = home.scheduler(nothing)
    plan = scheduler.plan()
    home.scheduler(stray).add("send", "1h", id="invoice")
    assert scheduler.apply(plan).added == ("other",)


def test_a_target_that_is_registered_after_the_start_is_missing_no_more(home: Home) -> None:
    home.scheduler(stray).add("send", "1h", id="invoice")
    with home.scheduler(nothing) as scheduler:
        stray(scheduler)
        assert scheduler.health().unresolved == ()


def test_a_target_that_an_alias_leads_to_is_not_missing(home: Home) -> None:
    home.scheduler(stray).add("send", "1h", id="invoice")
    scheduler = home.scheduler(lambda s: s.target(name="send-mail", aliases=["send"])(work))
    assert scheduler.plan().missing_targets == {}


def test_a_target_that_another_program_declares_a_job_of_is_not_missing(home: Home) -> None:
    home.deploy(beat("1h"), owner="billing").add("beat", "1h", id="more")
    assert home.deploy(nothing, owner="shop").plan().missing_targets == {}


def test_a_target_that_only_jobs_ask_for_that_have_ended_is_not_missing(home: Home) -> None:
    before = home.scheduler(stray)
    before.add("send", At("2026-03-27T13:00Z"), id="once")
    assert home.scheduler(nothing).plan().missing_targets == {"send": ("once",)}
    row = before._parts.store.load("default", "once")
    assert row is not None
    row.next_at = row.next_due = None
    assert before._parts.store.save(row)
    assert home.scheduler(nothing).plan().missing_targets == {"send": ("once",)}  # its run still waits
    before.cancel(before.trigger("once").id)
    assert home.scheduler(nothing).plan().missing_targets == {}


@pytest.mark.parametrize("verb", ["trigger alone", "pause"])
def test_a_job_that_only_a_person_can_set_going_still_asks_for_its_target(home: Home, verb: str) -> None:
    before = home.scheduler(stray)
    before.add("send", None if verb == "trigger alone" else "1h", id="invoice")
    if verb == "pause":
        before.pause("invoice")
    assert home.scheduler(nothing).plan().missing_targets == {"send": ("invoice",)}


def test_another_executor_for_a_job_whose_target_is_not_here_is_refused(home: Home) -> None:
    home.scheduler(stray).add("send", "1h", id="invoice")
    scheduler = home.scheduler(nothing)
    refusal = r"executor='loop': target 'send' is not registered here, .*: update the job in a program that has it"
    with pytest.raises(ConfigurationError, match=refusal):
        scheduler.update("invoice", executor="loop")
    assert scheduler.get("invoice").spec.executor == "default"


def test_of_many_jobs_the_first_are_looked_at_and_no_target_is_missing_that_none_of_them_waits_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cronkit.scheduler.findings.PAGE", 2)
    before = home.scheduler(stray)
    before.target(name="other")(other_work)
    for target, job_id in (("other", "a"), ("other", "b"), ("send", "c")):
        before.add(target, "1h", id=job_id)
    with home.scheduler(nothing) as scheduler:
        assert scheduler.plan().missing_targets == {}
        assert scheduler.health().unresolved == ()
    assert "no target" not in caplog.text


def test_a_job_whose_target_came_back_goes_on_where_it_stood(home: Home) -> None:
    before = home.deploy(beat("1h")).get("beat")
    home.deploy(nothing)
    home.clock.advance(hours=2)
    scheduler = home.deploy(beat("1h"))
    assert scheduler.get("beat") == before
    assert home.due(scheduler) == ["beat"]


def test_pruning_removes_what_is_no_longer_declared(home: Home) -> None:
    home.deploy(beat("1h"))
    scheduler = home.scheduler(nothing)
    told = heard(scheduler, events.JobRemoved)
    plan = scheduler.apply(prune=True)
    assert (plan.orphaned, plan.pruned) == (("beat",), ("beat",))
    assert [job.id for job in scheduler.jobs()] == ["other"]
    assert [job.id for job in scheduler.jobs(removed=True)] == ["beat"]
    assert [event.job_id for event in told] == ["beat"]


def test_a_start_prunes_nothing(home: Home) -> None:
    home.deploy(beat("1h"))
    with home.scheduler(nothing) as scheduler:
        assert [job.id for job in scheduler.jobs()] == ["beat", "other"]


def test_pruning_takes_the_ids_of_some(home: Home) -> None:
    def three(scheduler: Scheduler) -> None:
        for job_id in ("a", "b", "c"):
            scheduler.job("1h", id=job_id)(work)

    home.deploy(three)
    scheduler = home.scheduler(nothing)
    assert scheduler.apply(prune={"a", "c"}).pruned == ("a", "c")
    assert scheduler.plan().orphaned == ("b",)


def test_pruning_what_is_no_orphan_is_refused_and_does_nothing(home: Home) -> None:
    home.deploy(beat("1h"))
    scheduler = home.scheduler(nothing)
    with pytest.raises(ConfigurationError, match="prune names 'other', 'typo'; the orphaned jobs are 'beat'"):
        scheduler.apply(prune=["typo", "beat", "other"])
    with pytest.raises(ConfigurationError, match=r"prune='beat' is one text: .*\['beat'\]"):
        scheduler.apply(prune="beat")
    assert scheduler.plan().added == ("other",)


def test_a_pruned_job_comes_back_when_it_is_declared_again(home: Home) -> None:
    home.deploy(beat("1h"))
    home.deploy(nothing)
    home.scheduler(nothing).apply(prune=True)
    scheduler = home.scheduler(beat("1h"))
    assert scheduler.apply().added == ("beat",)
    assert scheduler.get("beat").schedule == Every("1h")


def test_jobs_made_at_run_time_are_never_orphans(home: Home) -> None:
    home.scheduler().add(work, "1h", id="made")
    assert home.deploy(nothing).plan().orphaned == ()


def test_programs_with_owners_of_their_own_leave_each_others_jobs_alone(home: Home) -> None:
    home.deploy(beat("1h"), owner="billing")
    scheduler = home.deploy(nothing, owner="shop")
    assert scheduler.plan().orphaned == ()
    assert {job.id: job.spec.owner for job in scheduler.jobs()} == {"beat": "billing", "other": "shop"}
    assert home.deploy(nothing, owner="billing").plan().orphaned == ("beat",)


def test_programs_in_namespaces_of_their_own_leave_each_others_jobs_alone(home: Home) -> None:
    home.deploy(beat("1h"), namespace="billing")
    assert home.deploy(nothing, namespace="shop").plan().orphaned == ()


def test_a_jobs_own_owner_goes_before_the_schedulers(home: Home) -> None:
    assert home.deploy(beat("1h", owner="ann"), owner="billing").get("beat").spec.owner == "ann"


def test_a_scheduler_that_declares_nothing_sees_no_orphans(home: Home) -> None:
    home.deploy(beat("1h"))
    assert home.scheduler().plan().orphaned == ()


def test_the_history_says_who_deployed(home: Home) -> None:
    home.scheduler(beat("1h")).apply(by="ann")
    home.scheduler(lambda scheduler: scheduler.job("2h", id="pulse", aliases=["beat"])(work)).apply(by="bob")
    scheduler = home.scheduler(nothing)
    scheduler.apply(prune=True, by="eve")
    assert [(each.action, each.by) for each in scheduler.history("pulse")] == [
        ("added", "ann"),
        ("renamed from beat", "bob"),
        ("deployed", "bob"),
        ("pruned", "eve"),
    ]


def test_many_orphans_are_all_found(home: Home) -> None:
    def many(scheduler: Scheduler) -> None:
        for number in range(1_201):
            scheduler.job("1h", id=f"job-{number:04}")(work)

    home.deploy(many)
    assert len(home.deploy(nothing).plan().orphaned) == 1_201


# -- two deployments --------------------------------------------------------------------------------------------------


def alternations(home: Home, schedules: str) -> list[str]:
    """At which of these deployments it was reported that two take turns; each schedule is a number of hours."""
    found = []
    for index, hours in enumerate(schedules):
        scheduler = home.scheduler(beat(f"{hours}h"))
        told = heard(scheduler, events.DeploymentsAlternate)
        scheduler.apply()
        found += [schedules[: index + 1] for _ in told]
    return found


def test_two_deployments_that_take_turns_are_reported(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    assert alternations(home, "12121") == ["1212", "12121"]
    assert caplog.text.count("two declarations of job 'beat' take turns") == 2


@pytest.mark.parametrize("schedules", ["1234", "121", "12321", "1221"])
def test_a_rollback_is_not_reported(home: Home, schedules: str) -> None:
    assert alternations(home, schedules) == []


# -- plans ------------------------------------------------------------------------------------------------------------


def test_a_plan_writes_nothing(home: Home) -> None:
    scheduler = home.scheduler(beat("1h"))
    assert scheduler.plan().added == ("beat",)
    assert scheduler.plan().added == ("beat",)


def test_a_plan_is_true_if_there_is_something_to_do(home: Home) -> None:
    scheduler = home.scheduler(beat("1h"))
    assert scheduler.plan()
    assert scheduler.apply()
    assert not scheduler.plan()
    assert not scheduler.apply()


def test_a_plan_says_which_options_change_and_how(home: Home) -> None:
    home.deploy(beat("1h", tags=["b", "a"])).update("beat", overlap="allow")
    scheduler = home.scheduler(beat("0 3 * * *", timeout="5s", overlap="queue", retry=3, missed="all"))
    assert [str(change) for change in scheduler.plan().changed["beat"]] == [
        "missed: latest -> all limit=100",
        "overlap: skip -> queue (overridden, stays)",
        "retry: none -> 3 attempts, delay=none, backoff=1",
        "schedule: every 1h -> CRON_TZ=UTC 0 3 * * *",
        "tags: a, b -> none",
        "timeout: none -> 5s",
    ]


def test_a_plan_reads_as_a_table(home: Home) -> None:
    def before(scheduler: Scheduler) -> None:
        for job_id in ("changed", "gone", "removed", "same"):
            scheduler.job("1h", id=job_id)(work)

    def after(scheduler: Scheduler) -> None:
        for job_id in ("changed", "new", "removed", "same"):
            scheduler.job("2h" if job_id == "changed" else "1h", id=job_id)(work)

    operator = home.deploy(before)
    operator.update("same", timeout="5s")
    operator.remove("removed")
    assert str(home.scheduler(after).plan()).splitlines() == [
        "+ added       new",
        "~ changed     changed  schedule: every 1h -> every 2h",
        "? orphaned    gone     no longer declared; its target is gone: it cannot run here",
        "= overridden  same     timeout: changed by hand; reset() goes back to the code",
        "x removed     removed  removed by hand; reset() brings it back",
        "1 added, 1 changed; 1 unchanged",
    ]


def test_a_plan_of_nothing_says_so(home: Home) -> None:
    assert str(home.deploy(beat()).plan()) == "nothing to do; 1 unchanged"


def test_applying_a_plan_does_what_it_says(home: Home) -> None:
    scheduler = home.scheduler(beat("1h"))
    plan = scheduler.plan()
    assert scheduler.apply(plan) == plan
    assert scheduler.get("beat").id == "beat"


def test_a_plan_that_is_out_of_date_is_refused_and_does_nothing(home: Home) -> None:
    operator = home.deploy(beat("1h"))
    scheduler = home.scheduler(beat("2h"))
    plan = scheduler.plan()
    operator.update("beat", schedule="10m")
    with pytest.raises(LifecycleError, match=r"this plan is out of date: .*\n.*overridden, stays"):
        scheduler.apply(plan)
    declared = operator.get("beat").declared
    assert declared is not None
    assert declared.schedule == Every("1h")


def test_a_plan_stays_good_while_its_jobs_run(home: Home) -> None:
    operator = home.deploy(beat("1h"))
    scheduler = home.scheduler(beat("2h"))
    plan = scheduler.plan()
    operator.pause("beat")
    operator.resume("beat")
    assert scheduler.apply(plan) == plan


def test_what_was_applied_by_hand_is_not_applied_again_by_the_next_verb(home: Home) -> None:
    scheduler = home.deploy(beat("1h"))
    assert not scheduler._parts.declarations


def test_a_job_that_is_declared_while_the_scheduler_runs_is_there_at_once(home: Home) -> None:
    with home.scheduler() as scheduler:
        beat("1h")(scheduler)
        assert scheduler._parts.store.load("default", "beat") is not None


def test_a_start_says_nothing_of_a_deployment_in_order(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.deploy(beat("1h"))
    with caplog.at_level(logging.WARNING), home.scheduler(beat("1h")):
        pass
    assert caplog.text == ""


def test_the_history_of_a_removed_job_can_be_read_until_it_is_purged(home: Home) -> None:
    scheduler = home.deploy(beat())
    scheduler.remove("beat", by="ann")
    assert scheduler.history("beat")[0].action == "added"
    scheduler.purge("beat")
    fresh = home.scheduler()
    with pytest.raises(JobNotFoundError):
        fresh.history("beat")
