"""A state machine: hypothesis calls a store's verbs in any order, and compares it with the model after each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cronkit.jobs.job import JobRow, PlanRow
from cronkit.jobs.policies import OnCrash, Overlap
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Claimed, Finish, JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.model import ModelJob, StoreModel
from cronkit.testing.store_suite.scene import HOUR, LEASE, NAMESPACE, REACH, Scene

JOB_IDS = st.sampled_from("ab")
EXECUTORS = st.sampled_from(["x", "y"])
NODES = st.sampled_from(["n1", "n2"])
PICKS = st.integers(0, 99)
"""Which of the things that there are, counted round."""
NOW = timedelta()
SPANS = st.sampled_from([timedelta(seconds=10), 3 * HOUR])
BIRTHS = [RunStatus.QUEUED, RunStatus.MISSED, RunStatus.MISSED]
ENDS = st.sampled_from([RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.TIMED_OUT])


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of verbs on one store."""

    def __init__(self, new_store: Callable[[], JobStore]) -> None:
        super().__init__()
        self.store = new_store()
        self.store.open()
        self.scene = Scene(self.store)
        self.model = StoreModel()
        self.claims: list[Claimed] = []
        self.advances: list[Advance] = []
        self.loaded: list[JobRow] = []

    def teardown(self) -> None:
        """Let go of the store."""
        self.store.close()

    # -- jobs ---------------------------------------------------------------------------------------------------------

    @initialize(overlap=st.sampled_from(Overlap))
    def begin(self, overlap: Overlap) -> None:
        """There is a job from the start."""
        self.add("a", overlap, OnCrash.RERUN, None, "x")

    @rule(
        job_id=JOB_IDS,
        overlap=st.sampled_from(Overlap),
        on_crash=st.sampled_from(OnCrash),
        max_runs=st.sampled_from([None, 2]),
        executor=EXECUTORS,
    )
    def add(self, job_id: str, overlap: Overlap, on_crash: OnCrash, max_runs: int | None, executor: str) -> None:
        """Add a job, or be refused because its id is taken."""
        row = self.scene.job(
            job_id, first=self.scene.now, executor=executor, overlap=overlap, on_crash=on_crash, max_runs=max_runs
        )
        assert self.store.insert([row]) == [job_id not in self.model.jobs]
        if job_id not in self.model.jobs:
            self.model.jobs[job_id] = ModelJob(
                key=self.scene.load(job_id).key,
                overlap=overlap,
                on_crash=on_crash,
                max_runs=max_runs,
                executor=executor,
                next_at=self.scene.now,
            )

    @rule(job_id=JOB_IDS)
    def remove(self, job_id: str) -> None:
        """Remove a job."""
        row = self.store.load(NAMESPACE, job_id)
        assert (row is not None) == (job_id in self.model.jobs)
        if row is not None:
            removed = self.store.remove(row, now=self.scene.now)
            assert removed is not None
            assert self.store.save(row) is None
            self.model.remove(job_id)
            self._compare_ended(removed.ended)

    @rule(job_id=JOB_IDS)
    def load(self, job_id: str) -> None:
        """Somebody reads a job, to change it later."""
        row = self.store.load(NAMESPACE, job_id)
        if row is not None:
            self.loaded.append(row)

    @precondition(lambda self: self.loaded)
    @rule(pick=PICKS, executor=EXECUTORS)
    def save(self, pick: int, executor: str) -> None:
        """Give a job that was read some time ago another executor, unless it was changed since."""
        row = self.loaded.pop(pick % len(self.loaded))
        current = self.store.load(NAMESPACE, row.key.id)
        is_current = current is not None and (current.key, current.revision) == (row.key, row.revision)
        row.spec = replace(row.spec, executor=executor)
        assert (self.store.save(row) is not None) == is_current
        if is_current:
            self.model.jobs[row.key.id].executor = executor

    # -- occurrences --------------------------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 4), status=st.sampled_from(BIRTHS), several=st.integers(1, 3), again=st.booleans())
    def plan(self, limit: int, status: RunStatus, several: int, again: bool) -> None:
        """Let some occurrences of each job that is due be born, or missed; perhaps one a second time."""
        due = self.model.due(self.scene.now)
        offered = self.store.due_jobs(self.scene.now, limit, REACH).jobs
        assert [job.next_at for job in offered] == sorted(job.next_at for job in due if job.next_at)[:limit]
        advances = [self._advance(job, status, several, again) for job in offered]
        # Before the store has them: it may write another id into a refusal that extends a record.
        expected = [self.model.advance(each.key.id, each.next_at, each.births) for each in advances]
        claim = self.scene.apply(*advances)
        assert len(claim.born) == sum(expected)
        self._compare_ended(claim.ended)
        self.advances += advances

    def _advance(self, job: PlanRow, status: RunStatus, several: int, again: bool) -> Advance:
        assert job.next_at is not None
        births = [self.scene.birth(job, job.next_at - HOUR)] if again else []
        if status is RunStatus.QUEUED:
            births += [self.scene.birth(job, job.next_at + number * HOUR) for number in range(several)]
        else:
            births.append(self.scene.birth(job, job.next_at, status, count=several))
        following = job.next_at + several * HOUR
        return Advance(job, following - HOUR, following, following, births)

    @precondition(lambda self: self.advances)
    @rule(pick=PICKS)
    def plan_again(self, pick: int) -> None:
        """Apply an advance a second time, or that of a job removed since: nothing comes of it."""
        assert self.scene.claim_due(self.advances[pick % len(self.advances)]) == []

    @rule(job_id=JOB_IDS, token=st.sampled_from(["one", "two", "three"]))
    def trigger(self, job_id: str, token: str) -> None:
        """Enqueue a run under one of few tokens."""
        row = self.store.load(NAMESPACE, job_id)
        if row is None:
            return
        click = self.scene.click(row, token)
        known = self.model.keys.get(click.key)
        if known is None:
            self.model.bear(self.model.jobs[job_id], click)
        enqueued = self.store.enqueue(click)
        assert enqueued is not None
        assert enqueued.run.id == (known or click.id)
        self._compare_ended(enqueued.ended)

    # -- runs ---------------------------------------------------------------------------------------------------------

    @rule(node=NODES, x=st.integers(0, 2), y=st.integers(0, 2))
    def claim(self, node: str, x: int, y: int) -> None:
        """Claim what may start: the longest due, as many as there are slots."""
        now, free = self.scene.now, {"x": x, "y": y}
        self.renew(node)
        claimed = self.store.claim((), now, node, free, REACH).runs
        for executor, slots in free.items():
            ready = [run for run in self.model.runs.values() if self.model.may_start(run, executor, now)]
            taken = [self.model.runs[each.run.id] for each in claimed if each.job.executor == executor]
            assert all(run in ready for run in taken)
            assert [run.due_at for run in taken] == sorted(run.due_at for run in ready)[:slots]
        for each in claimed:
            self.model.claim(each.run.id, node, len(self.claims))
            self.claims.append(each)
            run = self.model.runs[each.run.id]
            assert (each.attempt, each.run.excused) == (run.attempt, run.excused)

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, status=ENDS, occupied=st.booleans(), repeat=st.booleans())
    def finish(self, pick: int, status: RunStatus, occupied: bool, repeat: bool) -> None:
        """The holder of a claim, of now or before, says how its attempt ended; perhaps twice."""
        number, claimed = pick % len(self.claims), self.claims[pick % len(self.claims)]
        finish = Finish(claimed.run.id, claimed.fence, status, self.scene.now, occupied=occupied)
        for _ in range(1 + repeat):
            self._finish(finish, number)

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, wait=st.sampled_from([NOW, NOW, HOUR]), counted=st.booleans(), repeat=st.booleans())
    def retry(self, pick: int, wait: timedelta, counted: bool, repeat: bool) -> None:
        """The holder of a claim, of now or before, wants another attempt; perhaps twice."""
        number, claimed = pick % len(self.claims), self.claims[pick % len(self.claims)]
        finish = Finish(
            claimed.run.id,
            claimed.fence,
            RunStatus.RETRYING,
            self.scene.now,
            retry_at=self.scene.now + wait,
            counted=counted,
        )
        for _ in range(1 + repeat):
            self._finish(finish, number)

    def _finish(self, finish: Finish, number: int) -> None:
        (written,) = self.store.finish([finish])
        assert (written and written.status) == self.model.finish(finish, number)
        assert written is None or written is finish or written.reason == self.model.runs[finish.run_id].reason
        self.model.take_ended()

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, fraction=st.sampled_from([0.25, 0.5]))
    def report(self, pick: int, fraction: float) -> None:
        """The holder of a claim, of now or before, reports progress."""
        number, claimed = pick % len(self.claims), self.claims[pick % len(self.claims)]
        accepted = self.store.report(claimed.run.id, claimed.fence, fraction, None)
        assert accepted == self.model.holds(claimed.run.id, number)
        if accepted:
            self.model.runs[claimed.run.id].progress = fraction

    @precondition(lambda self: self.model.runs)
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        """Somebody wants a run cancelled."""
        run = list(self.model.runs.values())[pick % len(self.model.runs)]
        answer = self.store.request_cancel(run.id, "asked", self.scene.now)
        assert answer is not None
        assert answer.status is self.model.cancel(run, "asked")
        self._compare_ended(answer.ended)

    @precondition(lambda self: self.model.runs)
    @rule(pick=PICKS)
    def vacate(self, pick: int) -> None:
        """A thread returns whose run has ended, or has not."""
        run = list(self.model.runs.values())[pick % len(self.model.runs)]
        self.store.vacate([run.id])
        if run.occupied:
            self.model.leave(run)

    @precondition(lambda self: self.model.runs)
    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        """Somebody lets a run start again that is held, or is not."""
        run = list(self.model.runs.values())[pick % len(self.model.runs)]
        assert self.store.release(run.id, self.scene.now) is self.model.release(run, self.scene.now)

    @rule(node=NODES)
    def step(self, node: str) -> None:
        """What a node does all the time: occurrences come due, are born, and are claimed."""
        self.scene.now += HOUR
        self.plan(4, RunStatus.QUEUED, 1, False)
        self.claim(node, 2, 2)

    def _compare_ended(self, ended: Sequence[RunRow]) -> None:
        """What a verb says that it has ended is what has ended, as it is on record."""
        assert Counter(run.id for run in ended) == Counter(self.model.take_ended())
        for run in ended:
            known = self.model.runs[run.id]
            assert (run.status, run.reason, run.attempt) == (known.status, known.reason, known.attempt)
            assert run.finished_at is not None

    # -- nodes and time -----------------------------------------------------------------------------------------------

    @rule(node=NODES)
    def renew(self, node: str) -> None:
        """A node renews its lease, and takes all runs for its own that were ever claimed."""
        self.model.renew(node, LEASE, self.scene.now)
        newest = {each.run.id: number for number, each in enumerate(self.claims)}
        fences = {run_id: self.claims[number].fence for run_id, number in newest.items()}
        held = {run.id for run in self.model.held_by(node)}
        lost = {run_id for run_id, number in newest.items() if not self.model.holds(run_id, number)}
        assert self.store.renew(node, fences, LEASE, self.scene.now) == lost | (fences.keys() - held)
        assert {each.run.id for each in self.store.held_by(node)} == held
        assert self.store.cancel_requests(node) == {
            run.id: run.reason for run in self.model.held_by(node) if run.cancel
        }

    @rule(node=NODES)
    def leave(self, node: str) -> None:
        """A node ends; its lease stays while it holds something."""
        self.store.leave(node)
        if not any(
            run.node == node and (run.status is RunStatus.RUNNING or run.occupied) for run in self.model.runs.values()
        ):
            self.model.leases.pop(node, None)

    @rule()
    def reap(self) -> None:
        """A node takes back what lost nodes held."""
        taken = self.store.reap(self.scene.now)
        assert {run.id for run in taken} == self.model.reap(self.scene.now)
        self._compare_ended([run for run in taken if not run.status.is_open])

    @rule()
    def lose(self) -> None:
        """Every lease ends, and somebody takes back what was held."""
        self.scene.now += 2 * LEASE
        self.reap()

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        """Time passes."""
        self.scene.now += span

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def every_run_is_as_in_the_model(self) -> None:
        """Status, counts, reasons, attempts."""
        for run in self.model.runs.values():
            seen = self.scene.run(run.id)
            assert (seen.job, seen.status, seen.reason, seen.related_id) == (
                run.job,
                run.status,
                run.reason,
                run.related,
            )
            assert (seen.count, seen.scheduled_until, seen.due_at) == (run.count, run.until, run.due_at)
            assert (seen.attempt, seen.crashes, seen.node, seen.progress) == (
                run.attempt,
                run.crashes,
                run.node,
                run.progress,
            )

    @invariant()
    def every_job_is_as_in_the_model(self) -> None:
        """Where its schedule stands, its open runs, its counters."""
        for job_id, job in self.model.jobs.items():
            row = self.scene.load(job_id)
            assert (row.key, row.next_at, row.spawned) == (job.key, job.next_at, job.spawned)
            assert row.open == tuple(job.open)
            assert row.counters == job.counters

    @invariant()
    def the_ledger_has_every_run_and_no_other(self) -> None:
        """Every occurrence is counted once."""
        expected: Counter[RunStatus] = Counter()
        for run in self.model.runs.values():
            expected[run.status] += run.count
        assert self.store.counts(NAMESPACE) == expected

    @invariant()
    def a_node_is_woken_in_time_for_whatever_may_start(self) -> None:
        """``next_wake`` may be early, never late."""
        free = {"x": 1, "y": 0}
        earliest = self.model.next_wake(free)
        wake = self.store.next_wake(free, REACH)
        assert earliest is None or (wake is not None and wake <= earliest)


class ModelSuite(StoreFixtures):
    """A store beside the model."""

    examples = 100
    """How many sequences of verbs are tried."""

    def test_a_store_does_whatever_the_model_does(self, new_store: Callable[[], JobStore]) -> None:
        class Machine(StoreMachine):
            def __init__(self) -> None:
                super().__init__(new_store)

        run_state_machine_as_test(Machine, settings=settings(max_examples=self.examples, stateful_step_count=40))
