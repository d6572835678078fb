"""Ids of runs: 24 hexadecimal digits, from a generator that the system seeds once in each process."""

import os
import random

_system_seeded = random.Random()
if hasattr(os, "register_at_fork"):  # a forked child would repeat its parent's ids
    os.register_at_fork(after_in_child=_system_seeded.seed)


class IdSource:
    """Makes ids; with a ``seed`` the same ones every time, for simulation."""

    def __init__(self, seed: int | None = None) -> None:
        self._bits = (_system_seeded if seed is None else random.Random(seed)).getrandbits

    def new(self) -> str:
        """Another id."""
        return self._bits(96).to_bytes(12).hex()  # a third of the cost of formatting the number
