"""A Flask application with a scheduler in a background thread of its process.

    pip install ".[examples]"
    flask --app examples.flask_app run

The scheduler starts with the application and stops when the process ends. Under several worker processes each would
have its own memory store and run every job: give them a file to share, ``Scheduler("sqlite:///jobs.db")``, and each
occurrence runs in one of them.
"""

import atexit
import os
from datetime import UTC, datetime
from typing import Any

from flask import Flask, abort
from flask.helpers import get_debug_flag

from cronkit import Scheduler
from cronkit.errors import JobNotFoundError, RunError

scheduler = Scheduler()
cleaned: list[str] = []


@scheduler.job("1s")
def clean_sessions() -> int:
    """Stands for deleting the sessions that have ended."""
    cleaned.append(datetime.now(UTC).isoformat(timespec="milliseconds"))
    return len(cleaned)


def start_scheduler() -> None:
    """Start it once in the process that serves, however often an application is made."""
    # `flask run --debug` makes the application in two processes: the reloader, and the server that it watches over.
    # With --no-reload there is no second one: leave this check out.
    is_reloader = get_debug_flag() and os.environ.get("WERKZEUG_RUN_MAIN") != "true"
    if not is_reloader and not scheduler.is_running:
        scheduler.start()
        atexit.register(scheduler.stop)


def create_app() -> Flask:
    app = Flask(__name__)
    start_scheduler()

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
