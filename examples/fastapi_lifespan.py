"""A FastAPI application whose jobs share its event loop: an AsyncScheduler, opened in the lifespan.

    pip install ".[examples]"
    uvicorn examples.fastapi_lifespan:app

Coroutine jobs run on the application's own loop, so they may use its clients and connection pools. With several
workers (``--workers 4``) each process has its own memory store and its own runs: every job runs in each of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from cronkit import AsyncScheduler
from cronkit.errors import JobNotFoundError, RunError

scheduler = AsyncScheduler()
rates = {"EUR": 1.0}


@scheduler.job("1s")
async def refresh_rates() -> dict[str, float]:
    """Stands for a call to another service, over a client that the request handlers use as well."""
    rates["USD"] = round(rates.get("USD", 1.0) + 0.01, 2)
    return dict(rates)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with scheduler:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/rates")
async def get_rates() -> dict[str, float]:
    return rates


@app.post("/jobs/{job_id}/runs")
async def run_now(job_id: str) -> dict[str, object]:
    """Run a job now, and wait for what it returns."""
    try:
        handle = await scheduler.trigger(job_id)
    except JobNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    try:
        return {"value": await handle.result(timeout=10)}
    except RunError as error:  # it failed, or was skipped because the job was running
        raise HTTPException(409, str(error)) from error
