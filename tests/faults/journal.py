"""What really happened: a file beside the store's, to which every process appends, and which no fault takes back.

The store says what it believes; the journal says which targets started and ended, where and when. The auditor holds
one against the other.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cronkit import RunContext
from cronkit.clock import utc_now
from cronkit.jobs.attempt import current_attempt

START, END = "start", "end"


class Entry(NamedTuple):
    """One line: what happened, when (monotonic seconds, the same for all processes of a machine), and to whom."""

    what: str
    at: float
    node: str
    facts: dict[str, Any]

    @property
    def wall(self) -> datetime:
        """When it happened by the machine's clock, whatever the node's says."""
        return datetime.fromisoformat(self.facts["wall"])

    @property
    def scheduled_at(self) -> datetime:
        """The occurrence whose target started or ended."""
        return datetime.fromisoformat(self.facts["scheduled_at"])


class Journal:
    """Appends lines; each is one short write, which the system does not cut in two."""

    def __init__(self, path: Path, node: str = "") -> None:
        self.path = path
        self.node = node
        self._file: int | None = None
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._read_to = 0

    def write(self, what: str, **facts: Any) -> None:
        """Add a line."""
        with self._lock:
            if self._file is None:
                self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            line = {"what": what, "at": time.monotonic(), "node": self.node, "wall": utc_now().isoformat(), **facts}
            os.write(self._file, json.dumps(line).encode() + b"\n")

    @contextmanager
    def attempt(self, run: RunContext) -> Iterator[None]:
        """Note the start of an attempt's target, and its end."""
        facts = {
            "run": run.id,
            "job": run.job_id,
            "scheduled_at": run.scheduled_at.isoformat(),
            "attempt": run.attempt,
            "fence": current_attempt.get().fence,
        }
        self.write(START, **facts)
        try:
            yield
        finally:
            self.write(END, **facts)

    def value(self, run: RunContext) -> dict[str, Any]:
        """What an attempt's target returns: which attempt it was, and where."""
        return {"attempt": run.attempt, "node": self.node}

    def read(self, *kinds: str) -> list[Entry]:
        """All entries, or those of some kinds, in the order in which they were written."""
        with self._lock:
            if self.path.exists():
                self._read_on()
            return [entry for entry in self._entries if not kinds or entry.what in kinds]

    def _read_on(self) -> None:
        """Read what has been added since the last time; of a line that is being written a part may be there."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in map(json.loads, whole.splitlines()):
            self._entries.append(Entry(line.pop("what"), line.pop("at"), line.pop("node"), line))
