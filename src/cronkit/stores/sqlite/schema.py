"""The tables of the file, and the versions it went through.

Times are microseconds since 1970 in UTC, statuses and causes the words people read. ``jobs`` is what a fire rewrites,
so it is narrow; ``specs`` is what people wrote, and changes when they do. A job's ``pk`` is its generation, a run's
``sequence`` the order of its birth, which is the order of the ledger.
"""

from typing import NamedTuple

APPLICATION_ID = int.from_bytes(b"CrnK", "big")
"""Written into the header of each file of ours, so that nobody else's is taken for one."""

BLOCK = 1_024
"""How many runs, by ``sequence``, share a row of ``spans``."""


class Migration(NamedTuple):
    """From one version of the tables to the next.

    ``readable_from`` is the oldest version whose software may go on using the file afterwards.
    """

    version: int
    readable_from: int
    statements: tuple[str, ...]


JOBS = """
CREATE TABLE jobs (
    pk INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    spec_revision INTEGER NOT NULL,
    target TEXT NOT NULL,
    executor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    watermark INTEGER NOT NULL,
    next_at INTEGER,
    next_due INTEGER,
    pause TEXT,
    spawned INTEGER NOT NULL,
    revisions INTEGER NOT NULL,
    last_refusal TEXT,
    owner TEXT,
    is_declared INTEGER NOT NULL,
    removed_at INTEGER,
    quarantine TEXT,
    quarantined_by INTEGER,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    timed_out INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    missed INTEGER NOT NULL DEFAULT 0,
    coalesced INTEGER NOT NULL DEFAULT 0,
    abandoned INTEGER NOT NULL DEFAULT 0
)"""

JOB_INDEXES = (
    "CREATE UNIQUE INDEX jobs_by_id ON jobs (namespace, id) WHERE removed_at IS NULL",
    "CREATE INDEX jobs_removed ON jobs (namespace, id) WHERE removed_at IS NOT NULL",
    "CREATE INDEX jobs_due ON jobs (next_due) WHERE next_due IS NOT NULL AND removed_at IS NULL AND quarantine IS NULL",
    "CREATE INDEX jobs_by_target ON jobs (namespace, target, next_due) WHERE removed_at IS NULL AND quarantine IS NULL",
    "CREATE INDEX jobs_by_owner ON jobs (namespace, owner, id) WHERE owner IS NOT NULL AND removed_at IS NULL",
    "CREATE INDEX jobs_declared ON jobs (namespace, id) WHERE is_declared = 1 AND removed_at IS NULL",
    "CREATE INDEX jobs_quarantined ON jobs (quarantined_by) WHERE quarantine IS NOT NULL",
)

SPECS = """
CREATE TABLE specs (
    job INTEGER PRIMARY KEY,
    spec TEXT NOT NULL,
    declared TEXT,
    overrides TEXT,
    fingerprints TEXT
)"""

TAGS = """
CREATE TABLE tags (
    namespace TEXT NOT NULL,
    tag TEXT NOT NULL,
    id TEXT NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (namespace, tag, id, job)
) WITHOUT ROWID"""

REVISIONS = """
CREATE TABLE revisions (
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    by TEXT,
    schedule TEXT NOT NULL,
    policies TEXT NOT NULL,
    PRIMARY KEY (job, number)
) WITHOUT ROWID"""

RUNS = """
CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    job INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    cause TEXT NOT NULL,
    token TEXT NOT NULL,
    scheduled_at INTEGER NOT NULL,
    scheduled_until INTEGER NOT NULL,
    count INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    overlap TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    excused INTEGER NOT NULL DEFAULT 0,
    place INTEGER,
    ready INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    occupied INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    executor TEXT,
    target TEXT,
    node TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    reason TEXT,
    related_id TEXT,
    progress REAL,
    progress_note TEXT,
    kwargs TEXT,
    value TEXT,
    error TEXT,
    log TEXT
)"""
"""``place``: where the run stands among its job's open ones, in its gate; NULL once it is out of it.
``ready``: it waits, and may start once it is due. ``held``: its node executes it, or its thread has not returned.
``executor`` and ``target`` are those of the job, for as long as the run waits."""

RUN_INDEXES = (
    "CREATE UNIQUE INDEX runs_by_id ON runs (id)",
    "CREATE UNIQUE INDEX occurrences_scheduled ON runs (job, scheduled_at) WHERE cause = 'schedule'",
    "CREATE UNIQUE INDEX occurrences_manual ON runs (job, token) WHERE cause = 'manual'",
    "CREATE UNIQUE INDEX occurrences_other ON runs (job, cause, scheduled_at, token) "
    "WHERE cause <> 'schedule' AND cause <> 'manual'",
    "CREATE INDEX runs_ready ON runs (executor, due_at) WHERE ready = 1",
    "CREATE INDEX runs_ready_by_target ON runs (executor, namespace, target, due_at) WHERE ready = 1",
    "CREATE INDEX runs_in_gate ON runs (job, place) WHERE place IS NOT NULL",
    "CREATE INDEX runs_held ON runs (held) WHERE held = 1",
    "CREATE INDEX runs_cancelling ON runs (held) WHERE held = 1 AND cancel_requested = 1",
    "CREATE INDEX runs_by_namespace ON runs (namespace, status) WHERE status <> 'running'",
    "CREATE INDEX runs_by_job ON runs (job, status) WHERE status <> 'running'",
    "CREATE INDEX runs_several ON runs (namespace, job, status) WHERE count > 1",
)
"""A running run is in no index of the ledger: it is found among the held ones, and each fire writes two entries less.
The order of each index goes on by ``sequence``, as every index of SQLite does by its rowid."""

SPANS = """
CREATE TABLE spans (
    block INTEGER PRIMARY KEY,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL
)"""
"""The first and the last scheduled time in each block of runs, so that a page bounded in time skips the others."""

NODES = """
CREATE TABLE nodes (
    node TEXT PRIMARY KEY,
    until INTEGER NOT NULL,
    length INTEGER NOT NULL
) WITHOUT ROWID"""

META = "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"
"""``readable_from``; and ``last_sequence``, the highest number of a run that is gone, or place of one released."""

MIGRATIONS = (
    Migration(
        version=1,
        readable_from=1,
        statements=(META, JOBS, *JOB_INDEXES, SPECS, TAGS, REVISIONS, RUNS, *RUN_INDEXES, SPANS, NODES),
    ),
)
"""Each version from the one before; what has been released is never edited."""
