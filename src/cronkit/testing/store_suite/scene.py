"""What most tests of a store begin with: a few jobs, an occurrence that comes due, a run that is claimed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cronkit.jobs.ids import IdSource
from cronkit.jobs.job import JobRow, JobSpec, PlanRow
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.policies import LIBRARY_DEFAULTS, read_policies
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Every
from cronkit.stores.protocol import Advance, Claim, Claimed, Finish, JobFilter, JobStore, Reach

NAMESPACE = "suite"
NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""When the jobs of these tests are created, and when their first occurrence is."""
HOUR = timedelta(hours=1)
"""From one occurrence to the next."""
LEASE = timedelta(seconds=30)
REACH = Reach(NAMESPACE, frozenset({"target"}))
WIDER = Reach(NAMESPACE, frozenset({"target", "elsewhere"}))
FREE = {"default": 10}
EVERY = JobFilter(NAMESPACE)


def after(**duration: float) -> datetime:
    """Noon plus a duration."""
    return NOON + timedelta(**duration)


class Scene:
    """A store, the ids of its runs, and a time that moves on to each occurrence as it comes due."""

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self.now = NOON
        self.new_id = IdSource(seed=0).new

    def job(
        self,
        job_id: str = "job",
        *,
        first: datetime | None = NOON,
        executor: str = "default",
        target: str = "target",
        namespace: str = NAMESPACE,
        tags: Collection[str] = (),
        **policies: Any,
    ) -> JobRow:
        """An hourly job whose first occurrence is at ``first``, not in the store yet."""
        spec = JobSpec(
            id=job_id,
            target=target,
            schedule=Every("1h"),
            executor=executor,
            tags=frozenset(tags),
            policies=read_policies(LIBRARY_DEFAULTS, policies),
        )
        row = JobRow(JobKey(namespace, job_id, 0), spec, NOON)
        row.next_at = row.next_due = first
        return row

    def add(self, job_id: str = "job", **options: Any) -> JobRow:
        """A job that is in the store, as ``load`` gives it; options as for ``job``."""
        row = self.job(job_id, **options)
        assert self.store.insert([row]) == [True]
        return self.load(job_id, row.key.namespace)

    def load(self, job_id: str = "job", namespace: str = NAMESPACE) -> JobRow:
        """A job's row, which is there."""
        row = self.store.load(namespace, job_id)
        assert row is not None
        return row

    def birth(self, job: PlanRow, at: datetime, status: RunStatus = RunStatus.QUEUED, *, count: int = 1) -> RunRow:
        """A run for a scheduled occurrence, or one record for ``count`` that are refused, an hour apart from ``at``."""
        run = RunRow(self.new_id(), job.key, Cause.SCHEDULE, at, at, "", status, self.now, job.spec.policies.overlap)
        run.scheduled_until = at + (count - 1) * HOUR
        run.count = count
        return run

    def click(self, job: JobRow, token: str | None = None) -> RunRow:
        """A run outside the schedule, due now."""
        run_id = self.new_id()
        return RunRow(
            run_id, job.key, Cause.MANUAL, self.now, self.now, token or run_id, RunStatus.QUEUED, self.now,
            job.spec.policies.overlap,
        )  # fmt: skip

    def advance(self, job: PlanRow, births: Sequence[RunRow] | None = None) -> Advance:
        """A job's next step: its next occurrence is born (or what is given), and the one after it comes next."""
        assert job.next_at is not None
        born = [self.birth(job, job.next_at)] if births is None else births
        return Advance(job, job.next_at, job.next_at + HOUR, job.next_at + HOUR, born)

    def apply(self, *advances: Advance) -> Claim:
        """Apply advances now, and claim nothing."""
        return self.store.claim(advances, self.now, "node", {}, REACH)

    def claim_due(self, *advances: Advance) -> list[RunRow]:
        """Apply advances now; return the runs that are born."""
        return self.apply(*advances).born

    def come_due(self, job_id: str = "job", **refused: Any) -> Run:
        """The job's next occurrence comes due and is born; ``refused`` as for ``birth``."""
        job = self.load(job_id)
        assert job.next_at is not None
        self.now = max(self.now, job.next_at)
        birth = self.birth(job, job.next_at, **refused)
        born = self.claim_due(self.advance(job, [birth]))
        assert len(born) == 1
        return self.run(born[0].id)

    def trigger(self, job_id: str = "job", token: str | None = None) -> Run:
        """A run outside the schedule is enqueued."""
        enqueued = self.store.enqueue(self.click(self.load(job_id), token))
        assert enqueued is not None
        return self.run(enqueued.run.id)

    def claim(self, node: str = "node", free: Mapping[str, int] = FREE, reach: Reach = REACH) -> list[Claimed]:
        """A node, whose lease begins anew, claims what it can now."""
        self.renew(node)
        return self.store.claim((), self.now, node, free, reach).runs

    def renew(self, node: str = "node", *held: Claimed) -> frozenset[str]:
        """A node's lease begins anew; the ids of those it believes to hold and does not."""
        return self.store.renew(node, {each.run.id: each.fence for each in held}, LEASE, self.now)

    def start(self, job_id: str = "job", node: str = "node") -> Claimed:
        """The job's next occurrence comes due and is claimed, alone."""
        self.come_due(job_id)
        claimed = self.claim(node)
        assert [each.job.id for each in claimed] == [job_id]
        return claimed[0]

    def finish(self, claimed: Claimed, status: RunStatus = RunStatus.SUCCEEDED, **details: Any) -> bool:
        """Write how a claimed attempt ended; details as for ``Finish``. False if that is refused."""
        return self.write_end(claimed, status, **details) is not None

    def write_end(self, claimed: Claimed, status: RunStatus, **details: Any) -> Finish | None:
        """As ``finish``; return what was written."""
        return self.store.finish([Finish(claimed.run.id, claimed.fence, status, self.now, **details)])[0]

    def cancel(self, run_id: str, reason: str = "not needed") -> RunStatus | None:
        """Somebody wants a run cancelled; return where it stands then."""
        answer = self.store.request_cancel(run_id, reason, self.now)
        return None if answer is None else answer.status

    def retry(self, claimed: Claimed, at: datetime, **details: Any) -> bool:
        """Write that a claimed attempt is to be followed by another one."""
        return self.finish(claimed, RunStatus.RETRYING, retry_at=at, **details)

    def lose(self, node: str = "node") -> list[RunRow]:
        """A node's lease ends, and its runs are taken back."""
        self.renew(node)
        self.now += LEASE + timedelta(seconds=1)
        return self.store.reap(self.now)

    def run(self, run_id: str) -> Run:
        """A run as the ledger shows it, which is there."""
        run = self.store.run(run_id)
        assert run is not None
        return run

    def status(self, run_id: str) -> RunStatus:
        """Where a run stands."""
        return self.run(run_id).status
