"""What a failure leaves in the log, for those who listen for no event."""

import logging

import pytest

from cronkit.jobs.policies import Retry

from .bench import Bench


def test_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.add("1h")
    bench.step()
    bench.end(ValueError("no such invoice"))
    (record,) = (record for record in caplog.records if record.name == "cronkit.run")
    assert record.levelno == logging.ERROR
    assert "failed: ValueError: no such invoice" in record.getMessage()


def test_a_failure_that_will_be_tried_again_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.add("1h", retry=Retry(attempts=2, delay="5s"))
    bench.step()
    bench.end(ValueError("not yet"))
    (record,) = (record for record in caplog.records if record.name == "cronkit.run")
    assert record.levelno == logging.WARNING
    assert "failed, to be tried again at" in record.getMessage()


def test_a_success_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.add("1h")
    bench.step()
    bench.end()
    assert not [record for record in caplog.records if record.name == "cronkit.run"]
