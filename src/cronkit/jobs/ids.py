"""Ids of runs: 24 hexadecimal digits, from a generator that the system seeds once in each process."""

import os
import random


class IdSource:
    """Makes ids; with a ``seed`` the same ones every time, for simulation."""

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._pid = os.getpid()

    def new(self) -> str:
        """Another id. A forked child seeds anew: it would repeat its parent's."""
        if self._seed is None and self._pid != os.getpid():
            self._random.seed()
            self._pid = os.getpid()
        return f"{self._random.getrandbits(96):024x}"
