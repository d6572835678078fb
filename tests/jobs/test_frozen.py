"""What people hold of a job cannot be changed, and is the same however it was made."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from cronkit.jobs.job import Job, JobRow, JobSpec, Revision, new_spec
from cronkit.jobs.keys import JobKey
from cronkit.schedules import Every

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SPEC = JobSpec(id="job", target="send", schedule=Every("5m"), executor="default")


def values_of_a_job() -> list[Any]:
    row = JobRow(JobKey("default", "job", 1), SPEC, NOW)
    row.record("added", NOW, "ada")
    return [row.snapshot(), row.noted[0], new_spec("job", "send", SPEC.schedule, "default", {})]


@pytest.mark.parametrize(("value", "kind"), list(zip(values_of_a_job(), [Job, Revision, JobSpec], strict=True)))
def test_no_field_of_what_people_hold_can_be_set(value: Any, kind: type[Any]) -> None:
    assert type(value) is kind
    for field in fields(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, getattr(value, field.name))


def test_a_spec_that_is_made_of_options_has_the_defaults_of_one_that_is_written_out() -> None:
    assert new_spec("job", "send", SPEC.schedule, "default", {}) == SPEC


def test_a_spec_that_is_made_of_options_has_each_of_them() -> None:
    given = {field.name: object() for field in fields(JobSpec)[4:]}
    made = new_spec("job", "send", SPEC.schedule, "default", given)
    assert made == JobSpec(id="job", target="send", schedule=SPEC.schedule, executor="default", **given)  # type: ignore[arg-type]
