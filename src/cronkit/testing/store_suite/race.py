"""Races: four threads act as four nodes on one content."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from cronkit.jobs.ids import IdSource
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Claimed, Finish, JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import HOUR, LEASE, NAMESPACE, NOON, REACH, Scene

NODES = 4
JOBS = 12
OCCURRENCES = 50
END = NOON + (OCCURRENCES - 1) * HOUR
DAY = timedelta(days=1)

Result = TypeVar("Result")


def claim_everything(store: JobStore, number: int) -> Iterator[Claimed]:
    """Act as a node at ``END``: plan, claim and finish until nothing is left; give what it claimed."""
    node, free = Scene(store), {"default": 3}
    node.now, node.new_id = END, IdSource(seed=number).new
    name = f"node-{number}"
    store.renew(name, {}, DAY, END)
    wake: datetime | None = END
    while wake is not None and wake <= END:
        node.claim_due(*[node.advance(job) for job in store.due_jobs(END, 5, REACH).jobs])
        claimed = store.claim((), END, name, free, REACH).runs
        assert all(store.finish([Finish(each.run.id, each.fence, RunStatus.SUCCEEDED, END) for each in claimed]))
        yield from claimed
        wake = store.next_wake(free, REACH)


class RaceSuite(StoreFixtures):
    """What must hold between nodes that do the same at the same time."""

    @pytest.fixture(autouse=True)
    def busy(self) -> Iterator[None]:
        """Let the interpreter change threads as often as it can."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        yield
        sys.setswitchinterval(before)

    def at_once(self, action: Callable[[JobStore], Result], connect: Callable[[], JobStore]) -> list[Result]:
        """What an action returns to each of the nodes, which begin it at the same moment."""
        ready = threading.Barrier(NODES)

        def act(store: JobStore) -> Result:
            ready.wait()
            return action(store)

        with ThreadPoolExecutor(NODES) as threads:
            return list(threads.map(act, [connect() for _ in range(NODES)]))

    @pytest.mark.parametrize("overlap", ["queue", "allow"])
    def test_four_nodes_claim_every_occurrence_exactly_once(
        self, overlap: str, scene: Scene, store: JobStore, connect: Callable[[], JobStore]
    ) -> None:
        for number in range(JOBS):
            scene.add(f"job-{number}", overlap=overlap)
        numbers = iter(range(NODES))
        nodes = self.at_once(lambda store: list(claim_everything(store, next(numbers))), connect)

        claimed = Counter((each.job.id, each.run.scheduled_at) for node in nodes for each in node)
        assert claimed == {(f"job-{n}", NOON + k * HOUR): 1 for n in range(JOBS) for k in range(OCCURRENCES)}
        assert store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: JOBS * OCCURRENCES}
        for number in range(JOBS):
            job = scene.load(f"job-{number}")
            assert (job.next_at, job.spawned, job.open) == (END + HOUR, OCCURRENCES, ())
            assert job.counters == {RunStatus.SUCCEEDED: OCCURRENCES}

    def test_of_four_who_enqueue_one_token_all_get_the_same_run(
        self, scene: Scene, store: JobStore, connect: Callable[[], JobStore]
    ) -> None:
        row = scene.add(first=None, overlap="allow")

        def enqueue_all(store: JobStore) -> list[str]:
            clicks = [scene.click(row, f"click-{token}") for token in range(20)]
            return [answer.run.id for answer in map(store.enqueue, clicks) if answer is not None]

        first, *others = self.at_once(enqueue_all, connect)
        assert all(other == first for other in others)
        assert store.counts(NAMESPACE) == {RunStatus.QUEUED: 20}

    def test_no_change_is_lost_between_four_who_save_one_job(
        self, scene: Scene, connect: Callable[[], JobStore]
    ) -> None:
        scene.add()

        def count_to_ten(store: JobStore) -> None:
            done = 0
            while done < 10:
                row = store.load(NAMESPACE, "job")
                assert row is not None
                row.spec = replace(row.spec, metadata={"count": row.spec.metadata.get("count", 0) + 1})
                done += store.save(row) is not None

        self.at_once(count_to_ten, connect)
        assert scene.load().spec.metadata == {"count": 10 * NODES}

    def test_of_four_who_finish_one_run_all_are_accepted_and_it_counts_once(
        self, scene: Scene, connect: Callable[[], JobStore]
    ) -> None:
        scene.add()
        claimed = scene.start()
        finish = Finish(claimed.run.id, claimed.fence, RunStatus.SUCCEEDED, NOON)

        assert self.at_once(lambda store: store.finish([finish]), connect) == [[finish]] * NODES
        assert scene.load().counters == {RunStatus.SUCCEEDED: 1}

    def test_of_four_who_reap_one_node_a_single_one_takes_its_runs(
        self, scene: Scene, connect: Callable[[], JobStore]
    ) -> None:
        scene.add(overlap="allow")
        for _ in range(20):
            scene.come_due()
        assert len(scene.claim("lost", free={"default": 20})) == 20
        late = scene.now + 2 * LEASE

        assert sum(self.at_once(lambda store: len(store.reap(late)), connect)) == 20
        assert scene.run(scene.load().open[0]).crashes == 1
