"""Why a run that waits is not started by this scheduler, for whoever waits for it in vain."""

from cronkit.jobs.run import Run
from cronkit.scheduler.health import Health
from cronkit.scheduler.runtime import Parts
from cronkit.stores.protocol import Scope


def how_to_register(target: str) -> str:
    """The remedy where a stored job asks for a target that is not registered."""
    if ":" in target:
        return "see that its module is listed in Scheduler(importable=...), and that it can be imported"
    return f"register it with @scheduler.target(name={target!r}), or what it is called now with aliases=[{target!r}]"


def obstacle(parts: Parts, health: Health, run: Run) -> str | None:
    """What keeps a waiting run of the store from being started here, with the remedy; None where nothing is known."""
    row = parts.store.load(run.job.namespace, run.job.id)
    spec = None if row is None or row.key != run.job or row.unreadable is not None else row.spec
    stranger = None if spec is None or parts.registry.get(spec.target) is not None else spec.target
    if not health.running:
        unknown = "" if stranger is None else f" and has no target {stranger!r}"
        remedy = "start() it" if stranger is None else f"{how_to_register(stranger)}, and start() it"
        is_alone = parts.store.capabilities.scope is Scope.PROCESS
        another = "" if is_alone else ", or have another one on this store run it"
        return f"this scheduler is not started{unknown}: {remedy}{another}"
    if stranger is not None:
        return (
            f"no target {stranger!r} is registered here: {how_to_register(stranger)}, unless another program on this "
            "store has it"
        )
    if spec is not None and spec.executor not in parts.executors:
        return f"there is no executor {spec.executor!r} here: name one in Scheduler(executors=...), or update() the job"
    return None if health.problem is None else f"nothing starts here just now: {health.problem}"
