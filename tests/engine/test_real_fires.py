"""A sample of the long check of real fires; ``python -m tests.engine.check_real_fires`` does 200,000."""

import pytest

from .check_real_fires import check


@pytest.mark.realtime
def test_every_occurrence_of_disturbed_jobs_is_in_the_ledger_exactly_once() -> None:
    outcome = check(fires=4_000, jobs=60)
    assert not outcome.faults, "\n".join(outcome.faults[:5])
    assert outcome.fires >= 4_000
