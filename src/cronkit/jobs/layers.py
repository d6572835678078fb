"""The two layers of a declared job: what code declares, and the options that people have changed over it.

A job does what its declaration says, except for the options that somebody changed by hand: those stay as they are,
whatever a later deployment declares, until the layer is dropped. Policies are options by their own names.
"""

import logging
from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from cronkit.jobs.job import JobSpec
from cronkit.jobs.policies import Policies

logger = logging.getLogger("cronkit.jobs")

FINGERPRINTS_KEPT = 4
"""How many of a job's newest declarations are remembered: as many as it takes to see two that alternate."""

_POLICY_NAMES = tuple(field.name for field in fields(Policies))
_PLAIN_NAMES = tuple(field.name for field in fields(JobSpec) if field.name not in ("id", "policies"))


def option(spec: JobSpec, name: str) -> Any:
    """The value of an option, a policy among them."""
    return getattr(spec.policies if name in _POLICY_NAMES else spec, name)


def differences(before: JobSpec, after: JobSpec) -> tuple[str, ...]:
    """The names of the options that differ, in order. The id is none: a job that was renamed is the same job."""
    names = [name for name in _PLAIN_NAMES if not _same(getattr(before, name), getattr(after, name))]
    if before.policies is not after.policies:
        old, new = before.policies, after.policies
        names += [name for name in _POLICY_NAMES if getattr(old, name) != getattr(new, name)]
    return tuple(sorted(names))


def overlaid(declared: JobSpec, spec: JobSpec, overrides: Collection[str]) -> JobSpec:
    """What a job does: its declaration, with the overridden options as they are in ``spec``."""
    if not overrides:
        return declared
    policies = {name: getattr(spec.policies, name) for name in _POLICY_NAMES if name in overrides}
    kept: dict[str, Any] = {name: getattr(spec, name) for name in _PLAIN_NAMES if name in overrides}
    return replace(declared, policies=replace(declared.policies, **policies), **kept)


def with_newest(fingerprints: tuple[str, ...], fingerprint: str | None) -> tuple[str, ...]:
    """The fingerprints of a job's declarations once it was given another; None is one that has none."""
    return fingerprints if fingerprint is None else (*fingerprints, fingerprint)[-FINGERPRINTS_KEPT:]


def alternate(fingerprints: tuple[str, ...]) -> bool:
    """Whether two declarations take turns, A B A B: two deployments are at work. A B A is a rollback."""
    return (
        len(fingerprints) >= FINGERPRINTS_KEPT
        and fingerprints[-1] == fingerprints[-3] != fingerprints[-2] == fingerprints[-4]
    )


def _same(before: object, after: object) -> bool:
    """Whether two values of an option are equal; what will not be compared, an array among the arguments, is not."""
    try:
        return before is after or bool(before == after)
    except Exception as error:
        logger.debug("two values of an option cannot be compared: %r", error)
        return False
