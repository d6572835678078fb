"""Rows that are due, and what of them a node can run."""

from collections.abc import Callable, Iterable
from typing import Any

from cronkit.stores.protocol import Reach
from cronkit.stores.sqlite.job_rows import Row

PASSED_OVER = 50
"""How many rows that no node like this one can run are passed over before each target is asked for by itself: they may
be due for ever, and with many targets that costs a hundred times as much."""


def within_reach(rows: Iterable[Row], place: Callable[[Row], Any], limit: int, reach: Reach) -> list[Row] | None:
    """The first ``limit`` rows that a node can run; None if more than ``PASSED_OVER`` others come before.

    ``place`` says the namespace and the target of a row. ``rows`` go up to ``limit + PASSED_OVER``.
    """
    found: list[Row] = []
    passed = 0
    own, targets = reach
    for row in rows:
        namespace, target = place(row)
        if namespace != own or target not in targets:
            passed += 1
            if passed > PASSED_OVER:
                return None
        else:
            found.append(row)
            if len(found) == limit:
                break
    return found
