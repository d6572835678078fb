"""What the engine tells of a run, field by field."""

from cronkit.events import RunCancelled, RunStarted, RunSucceeded

from .bench import Bench
from .factories import NOON, after


def test_a_start_and_a_success_have_every_field_of_their_classes() -> None:
    bench = Bench()
    bench.add("0 13 * * *")
    bench.step(hours=1)
    bench.step(seconds=5)
    bench.end()

    started, succeeded = bench.events[-2:]
    of_run = {"namespace": "default", "job_id": "job", "run_id": bench.run.id, "scheduled_at": after(hours=1)}
    assert started == RunStarted(at=after(hours=1), attempt=1, **of_run)  # type: ignore[arg-type]
    assert succeeded == RunSucceeded(
        at=after(hours=1, seconds=5),
        attempt=1,
        duration=after(seconds=5) - NOON,
        value=None,
        **of_run,  # type: ignore[arg-type]
    )


def test_what_a_claim_supersedes_is_told() -> None:
    bench = Bench(slots=0)
    bench.add("0 * * * *", overlap="cancel_running")
    bench.step()
    bench.step()  # for the first has waited for a slot
    bench.step(hours=1)
    bench.step()

    of_run = {"namespace": "default", "job_id": "job", "run_id": bench.runs[0].id, "scheduled_at": NOON}
    assert bench.events == [RunCancelled(at=after(hours=1), attempt=0, reason="superseded", **of_run)]  # type: ignore[arg-type]
