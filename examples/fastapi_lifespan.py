"""A FastAPI application whose jobs share its event loop: an AsyncScheduler, opened in the lifespan.

    pip install ".[examples]"
    uvicorn examples.fastapi_lifespan:app

Coroutine jobs run on the application's own loop, so they may use its clients and connection pools. A long job is
started by a request that does not wait for it, and its progress is read by others. With several workers
(``--workers 4``) each process would have its own memory store and run every job: give them a file to share,
``AsyncScheduler("sqlite:///jobs.db")``, and each occurrence runs in one of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from cronkit import AsyncScheduler, Manual, RunContext
from cronkit.errors import JobNotFoundError, RunNotFoundError

scheduler = AsyncScheduler()
rates = {"EUR": 1.0}


@scheduler.job("1s")
async def refresh_rates() -> dict[str, float]:
    """Stands for a call to another service, over a client that the request handlers use as well."""
    rates["USD"] = round(rates.get("USD", 1.0) + 0.01, 2)
    return dict(rates)


@scheduler.job(Manual())
async def export(run: RunContext) -> str:
    """Stands for work that takes minutes; it runs when a request asks for it."""
    for step in range(1, 5):
        await asyncio.sleep(0.2)
        run.progress(step / 4, f"{step} of 4 parts are written")
    return "export.csv"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with scheduler:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/rates")
async def get_rates() -> dict[str, float]:
    return rates


@app.post("/jobs/{job_id}/runs", status_code=202)
async def run_now(job_id: str) -> dict[str, str]:
    """Run a job now, without waiting for it."""
    try:
        handle = await scheduler.trigger(job_id)
    except JobNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    return {"id": handle.id}


@app.get("/runs/{run_id}")
async def get_run(run_id: str) -> dict[str, object]:
    """How far a run has come, and what became of it."""
    try:
        run = await scheduler.ledger.run(run_id)
    except RunNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    return {"status": run.status, "progress": run.progress, "note": run.progress_note, "value": run.value}
