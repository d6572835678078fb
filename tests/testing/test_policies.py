"""What jobs become of their policies, seen from outside, over simulated time."""

from datetime import UTC, datetime, timedelta

import pytest

from cronkit import At, Fail, Missed, Retry, RetryLater, Run, RunContext, Scheduler, Skip
from cronkit.events import RunRetrying
from cronkit.testing import simulate

START = "2026-03-02T08:00"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


def clock(run: Run) -> tuple[str, str]:
    """The times of day at which a run started and ended; empty where it has not."""
    started, ended = (f"{each:%H:%M:%S}" if each else "" for each in (run.started_at, run.finished_at))
    return started, ended


# -- overlap ----------------------------------------------------------------------------------------------------------


def test_an_overlapping_run_is_skipped_and_names_the_one_in_its_way(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="slow")(lambda: None)
    with simulate(scheduler, START, durations={"slow": "90s"}) as sim:
        sim.advance("2m")
        first, skipped, third = sim.runs()
        assert (skipped.status, skipped.reason, skipped.related_id) == ("skipped", "overlap", first.id)
        assert clock(first) == ("08:00:00", "08:01:30")
        assert clock(third) == ("08:02:00", "")


def test_queued_runs_follow_each_other(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="slow", overlap="queue", max_runs=3)(lambda: None)
    with simulate(scheduler, START, durations={"slow": "90s"}) as sim:
        sim.advance("1h")
        assert [clock(run) for run in sim.runs()] == [
            ("08:00:00", "08:01:30"),
            ("08:01:30", "08:03:00"),
            ("08:03:00", "08:04:30"),
        ]


def test_overlap_may_be_allowed(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="slow", overlap="allow", max_runs=2)(lambda: None)
    with simulate(scheduler, START, durations={"slow": "90s"}) as sim:
        sim.advance("1h")
        assert [clock(run) for run in sim.runs()] == [("08:00:00", "08:01:30"), ("08:01:00", "08:02:30")]


def test_a_new_run_may_cancel_the_running_one(scheduler: Scheduler) -> None:
    @scheduler.job("1m", overlap="cancel_running", max_runs=2)
    async def slow() -> None: ...

    with simulate(scheduler, START, durations={"slow": "90s"}) as sim:
        sim.advance("1h")
        assert [(run.status, clock(run)) for run in sim.runs()] == [
            ("cancelled", ("08:00:00", "08:01:00")),
            ("succeeded", ("08:01:00", "08:02:30")),
        ]


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_failed_run_is_tried_again_with_growing_waits(scheduler: Scheduler) -> None:
    waits = []
    scheduler.on(RunRetrying)(lambda event: waits.append(event.retry_at - event.at))
    scheduler.job("now", id="flaky", retry=Retry(attempts=4, delay="10s", backoff=2.0, max_delay="30s"))(lambda: 7)
    with simulate(scheduler, START, failures={"flaky": [1, 2, 3]}) as sim:
        sim.advance("10m")
        (run,) = sim.runs()
    assert (run.status, run.attempt, run.value) == ("succeeded", 4, 7)
    assert [wait.total_seconds() for wait in waits] == [10, 20, 30]


def test_a_run_that_fails_every_time_has_failed_once(scheduler: Scheduler) -> None:
    scheduler.job("now", id="broken", retry=3)(lambda: None)
    with simulate(scheduler, START, failures={"broken": range(1, 10)}) as sim:
        sim.advance("10m")
        assert [(run.status, run.attempt) for run in sim.runs()] == [("failed", 3)]
        assert scheduler.get("broken").counters == {"failed": 1}


def test_a_target_may_ask_to_be_tried_later_without_using_up_an_attempt(scheduler: Scheduler) -> None:
    @scheduler.job("now")
    def patient(run: RunContext) -> int:
        if run.attempt < 5:
            raise RetryLater("10m", "not ready")
        return run.attempt

    with simulate(scheduler, START) as sim:
        sim.advance("1h")
        assert [(run.status, run.value, clock(run)[0]) for run in sim.runs()] == [("succeeded", 5, "08:40:00")]


@pytest.mark.parametrize(("signal", "status"), [(Skip("nothing to do"), "skipped"), (Fail("nothing to do"), "failed")])
def test_a_target_may_say_how_its_run_ends(scheduler: Scheduler, signal: Exception, status: str) -> None:
    scheduler.job("now", id="work", retry=3)(lambda: None)
    with simulate(scheduler, START, failures={"work": lambda run: signal}) as sim:
        sim.advance("1h")
        assert [(run.status, run.reason, run.attempt) for run in sim.runs()] == [(status, "nothing to do", 1)]


# -- timeouts ---------------------------------------------------------------------------------------------------------


def test_a_coroutine_is_cancelled_at_its_timeout_and_tried_again(scheduler: Scheduler) -> None:
    @scheduler.job("now", timeout="10s", retry=2)
    async def slow() -> None: ...

    with simulate(scheduler, START, durations={"slow": "1m"}) as sim:
        sim.advance("1h")
        (run,) = sim.runs()
        assert (run.status, run.attempt, clock(run)) == ("timed_out", 2, ("08:00:10", "08:00:20"))


def test_a_thread_past_its_timeout_keeps_the_jobs_gate_shut_until_it_returns(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="stuck", timeout="10s", max_runs=2)(lambda: None)
    with simulate(scheduler, START, durations={"stuck": "150s"}) as sim:
        sim.advance("30s")
        assert [run.status for run in sim.runs()] == ["timed_out"]
        assert scheduler.health().stuck == (sim.runs()[0].id,)
        sim.advance("1h")
        first, skipped, second = sim.runs()
        assert clock(first) == ("08:00:00", "08:00:10")
        assert (skipped.status, skipped.count, skipped.related_id) == ("skipped", 2, first.id)
        assert clock(second)[0] == "08:03:00"
        assert scheduler.health().stuck == ()


# -- lateness ---------------------------------------------------------------------------------------------------------


def test_a_busy_pool_makes_runs_late_and_drops_none() -> None:
    from cronkit import ThreadExecutor

    scheduler = Scheduler(executors={"default": ThreadExecutor(2)})
    for n in range(6):
        scheduler.job(At("2026-03-02T09:00"), id=f"job-{n}")(lambda: None)
    with simulate(scheduler, START, durations={f"job-{n}": "10m" for n in range(6)}) as sim:
        sim.advance("2h")
        assert sorted(clock(run)[0] for run in sim.runs(status="succeeded")) == [
            *["09:00:00"] * 2,
            *["09:10:00"] * 2,
            *["09:20:00"] * 2,
        ]


@pytest.mark.parametrize("missed", ["latest", "skip", "all", Missed.latest(within="6h"), Missed.latest(within="1m")])
def test_lateness_alone_drops_no_one_shot(scheduler: Scheduler, missed: Missed | str) -> None:
    scheduler.job(At("2026-03-02T09:00"), id="once", missed=missed)(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.suspend("3h")
        assert [(run.status, clock(run)[0]) for run in sim.runs()] == [("succeeded", "11:00:00")]


def test_the_latest_may_be_too_late_when_a_limit_is_given(scheduler: Scheduler) -> None:
    scheduler.job("0 9 * * *", id="daily", missed=Missed.latest(within="1h"))(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.suspend("3h")
        assert [(run.status, run.reason) for run in sim.runs()] == [("missed", "late")]


def test_what_each_attempt_logged_is_kept(scheduler: Scheduler) -> None:
    @scheduler.job("1h", id="flaky", retry=Retry(attempts=2, delay="1s"))
    def flaky(run: RunContext) -> None:
        run.log.info("attempt %d", run.attempt)
        if run.attempt == 1:
            raise ValueError

    with simulate(scheduler, "2026-03-02T08:30") as sim:
        sim.advance("1h")
        assert sim.runs()[0].log == ("INFO attempt 1", "INFO attempt 2")


# -- pauses, ends and spread ------------------------------------------------------------------------------------------


def test_a_pause_ends_by_itself_and_leaves_one_record(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="minutely")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.run_pending()
        scheduler.pause("minutely", until="2026-03-02T08:10:30")
        sim.advance("11m")
        _, paused, after = sim.runs()
        assert (paused.status, paused.reason, paused.count) == ("skipped", "paused", 10)
        assert clock(after)[0] == "08:11:00"
        assert not scheduler.get("minutely").paused


def test_a_one_shot_that_came_due_while_paused_runs_at_the_end_of_the_pause(scheduler: Scheduler) -> None:
    scheduler.job(At("2026-03-02T08:05"), id="once")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.pause("once")
        sim.advance("1h")
        assert sim.runs() == ()
        scheduler.resume("once")
        sim.run_pending()
        assert [(run.status, clock(run)[0]) for run in sim.runs()] == [("succeeded", "09:00:00")]


def test_what_is_due_when_a_pause_ends_runs(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, "2026-03-02T08:30") as sim:
        scheduler.pause("hourly", until="2026-03-02T11:00")
        sim.advance("3h")
        paused, run = sim.runs()
        assert (paused.status, paused.count) == ("skipped", 2)
        assert (run.status, clock(run)[0]) == ("succeeded", "11:00:00")


def test_what_comes_due_after_a_pause_has_run_out_is_late_and_not_paused(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, "2026-03-02T08:30") as sim:
        scheduler.pause("hourly", until="2026-03-02T09:30")
        sim.suspend("4h")
        assert [(run.status, run.count) for run in sim.runs()] == [
            ("skipped", 1),
            ("coalesced", 2),
            ("succeeded", 1),
        ]


def test_a_one_shot_that_is_put_off_while_paused_runs_only_then(scheduler: Scheduler) -> None:
    scheduler.job(At("2026-03-02T08:05"), id="once")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.pause("once")
        sim.advance("1h")
        scheduler.update("once", schedule=At("2026-03-02T12:00"))
        sim.advance("1h")
        assert [(run.status, run.reason) for run in sim.runs()] == [("skipped", "paused")]
        scheduler.resume("once")
        sim.advance("3h")
        assert [(run.status, clock(run)[0]) for run in sim.runs(status="succeeded")] == [("succeeded", "12:00:00")]


def test_a_paused_job_can_be_triggered(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, "2026-03-02T08:30") as sim:
        scheduler.pause("hourly")
        scheduler.trigger("hourly")
        sim.advance("1h")
        assert [(run.cause, run.status) for run in sim.runs()] == [("manual", "succeeded")]


def test_a_key_makes_a_trigger_count_once(scheduler: Scheduler) -> None:
    scheduler.target(lambda: None, name="work")
    with simulate(scheduler, START) as sim:
        scheduler.add("work", id="work")
        first = scheduler.trigger("work", key="click")
        sim.advance("1m")
        assert scheduler.trigger("work", key="click").id == first.id
        sim.advance("1m")
        assert len(sim.runs()) == 1


@pytest.mark.parametrize("missed", ["latest", "all"])
def test_a_job_ends_after_its_last_run(scheduler: Scheduler, missed: str) -> None:
    scheduler.job("1m", id="thrice", max_runs=3, missed=missed, overlap="queue")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.run_pending()
        sim.suspend("1h")
        sim.advance("1h")
        assert len(sim.runs(status="succeeded")) == 3
        assert scheduler.get("thrice").next_run_at is None


def test_a_job_that_may_run_more_often_again_goes_on_from_there(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="job", max_runs=2)(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("10m")
        scheduler.update("job", max_runs=3)
        sim.advance("10m")
        assert [clock(run)[0] for run in sim.runs()] == ["08:00:00", "08:01:00", "08:10:00"]


def test_spread_moves_each_run_by_the_same_part_and_jitter_by_another_each_time(scheduler: Scheduler) -> None:
    scheduler.job("0 * * * *", id="spread", spread="10m")(lambda: None)
    scheduler.job("0 * * * *", id="jitter", jitter="10m")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("5h")
        spread, jitter = (
            [run.started_at - run.scheduled_at for run in sim.runs(job) if run.started_at]
            for job in ("spread", "jitter")
        )
        assert len(spread) == len(jitter) >= 5
        assert len(set(spread)) == 1
        assert len(set(jitter)) >= 5
        assert all(timedelta() <= delay < timedelta(minutes=10) for delay in (*spread, *jitter))


# -- changes ----------------------------------------------------------------------------------------------------------


def test_a_changed_schedule_counts_from_now_and_repeats_nothing(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="job")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("10m")
        scheduler.update("job", schedule="*/5 * * * *")
        sim.advance("10m")
        instants = [run.scheduled_at.minute for run in sim.runs()]
        assert instants == [*range(11), 15, 20]


def test_what_jitter_delays_still_runs_under_a_changed_schedule(scheduler: Scheduler) -> None:
    scheduler.job("0 * * * *", id="job", spread="59m")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.run_pending()
        assert sim.runs() == ()
        scheduler.update("job", schedule="0 0 1 1 *")
        sim.advance("1h")
        (run,) = sim.runs()
        assert run.scheduled_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
        assert run.started_at == run.due_at
        assert run.due_at > run.scheduled_at


def test_a_removed_and_readded_job_begins_another_life(scheduler: Scheduler) -> None:
    scheduler.target(lambda: None, name="work")
    with simulate(scheduler, START) as sim:
        for _ in range(2):
            scheduler.add("work", "1m", id="job")
            sim.advance("1m")
            scheduler.remove("job")
        assert [run.job.generation for run in sim.runs()] == [1, 1, 2, 2]


def test_what_is_due_when_a_job_is_removed_is_on_record(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="job")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.remove("job")
        assert [(run.status, run.reason) for run in sim.runs()] == [("missed", "job removed")]


def test_what_is_due_when_a_schedule_changes_still_runs(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="job")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.update("job", schedule="0 12 * * *")
        sim.run_pending()
        assert [run.status for run in sim.runs()] == ["succeeded"]


def test_a_job_knows_how_far_it_has_come(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="job")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.suspend("1h30s")
        assert scheduler.get("job").watermark == sim.now - timedelta(seconds=30)
