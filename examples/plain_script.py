"""The smallest program of all: two jobs, and a scheduler that owns the foreground.

    python examples/plain_script.py

It runs until Ctrl-C or SIGTERM, then lets what is running finish and leaves.
"""

from cronkit import RunContext, Scheduler

scheduler = Scheduler()


@scheduler.job("1s")
def tick() -> None:
    print("tick", flush=True)


@scheduler.job("*/2 * * * * *")
def report(run: RunContext) -> None:
    print(f"report for {run.scheduled_at:%H:%M:%S}, attempt {run.attempt}", flush=True)


if __name__ == "__main__":
    scheduler.run()
