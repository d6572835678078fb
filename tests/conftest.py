"""What every test shares: hypothesis profiles and the two event loops."""

import os

import pytest
from hypothesis import settings

# "ci" is the default: the same examples in every run, on every machine. HYPOTHESIS_PROFILE=dev searches anew.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop that a test marked ``anyio`` runs on: each such test runs on both."""
    return str(request.param)
