"""A Flask application with a scheduler in a background thread of its process.

    pip install ".[examples]"
    flask --app examples.flask_app run

The scheduler starts with the application and stops when the process ends. Under several worker processes each has its
own memory store and its own runs: every job runs in each of them.
"""

import atexit
from datetime import UTC, datetime
from typing import Any

from flask import Flask, abort

from cronkit import Scheduler
from cronkit.errors import JobNotFoundError, RunError

scheduler = Scheduler()
cleaned: list[str] = []


@scheduler.job("1s")
def clean_sessions() -> int:
    """Stands for deleting the sessions that have ended."""
    cleaned.append(datetime.now(UTC).isoformat(timespec="milliseconds"))
    return len(cleaned)


def create_app() -> Flask:
    app = Flask(__name__)
    scheduler.start()
    atexit.register(scheduler.stop)

    @app.get("/jobs/<job_id>")
    def job(job_id: str) -> dict[str, Any]:
        try:
            found = scheduler.get(job_id)
        except JobNotFoundError as error:
            abort(404, str(error))
        return {"id": found.id, "schedule": str(found.schedule), "next_run_at": found.next_run_at}

    @app.post("/jobs/<job_id>/runs")
    def run_now(job_id: str) -> dict[str, Any]:
        """Run a job now, and wait for what it returns."""
        try:
            return {"value": scheduler.trigger(job_id).result(timeout=10)}
        except JobNotFoundError as error:
            abort(404, str(error))
        except RunError as error:  # it failed, or was skipped because the job was running
            abort(409, str(error))

    return app
