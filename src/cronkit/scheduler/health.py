"""How a scheduler is doing."""

from datetime import datetime
from typing import NamedTuple

from cronkit.engine.engine import Engine
from cronkit.events import EventBus
from cronkit.stores.protocol import StoreCapabilities


class Health(NamedTuple):
    """A scheduler at one moment.

    ``in_flight`` and ``stuck`` are ids of runs: those being executed here, and those whose time ran out and whose
    thread has not returned. ``wake_at`` is when the engine looks again, aware UTC. ``problem`` is why nothing starts
    just now, None if there is no reason. ``unresolved`` are targets that jobs of the store asked for at the start and
    that are still not registered here, so that those jobs cannot run here. ``events_dropped`` counts events that found
    the bus full.
    """

    running: bool
    node: str | None
    in_flight: tuple[str, ...]
    stuck: tuple[str, ...]
    wake_at: datetime | None
    problem: str | None
    unresolved: tuple[str, ...]
    events_dropped: int
    store: StoreCapabilities

    @classmethod
    def of(
        cls,
        engine: Engine | None,
        problem: str | None,
        unresolved: tuple[str, ...],
        bus: EventBus,
        store: StoreCapabilities,
    ) -> "Health":
        """The health of a scheduler whose engine this is; None for one that does not run."""
        return cls(
            running=engine is not None,
            node=engine.node if engine else None,
            in_flight=tuple(engine.in_flight) if engine else (),
            stuck=tuple(engine.stuck) if engine else (),
            wake_at=engine.wake_at if engine else None,
            problem=problem,
            unresolved=unresolved,
            events_dropped=bus.dropped,
            store=store,
        )
