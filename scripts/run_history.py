"""The history of the scheduled runs: a line of JSON for each step of a run, of which the last is the run's row.

It stands beside the published file, where no failed build and no full refresh reaches it, and every published file
holds it as the table marts.run_history.
"""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

RAW_TABLES = ("journeys", "journey_steps", "journey_events", "user_events")
HISTORY_COLUMNS = {
    "invocation_id": ("VARCHAR", "Invocation of dbt build, as in its logs; null when dbt did not get that far."),
    "started_at": ("TIMESTAMP", "When the run started (UTC)."),
    "seconds": ("DOUBLE", "Time until the new file was complete, or until the run failed; null when it was killed."),
    **{
        f"{table}_loaded_rows": ("BIGINT", f"Rows of raw.{table} delivered since the run published before this one.")
        for table in RAW_TABLES
    },
    "status": ("VARCHAR", "`published`, `failed`, `killed` (it ended without a word) or `rolled_back`."),
    "message": ("VARCHAR", "What went wrong, or what was done; null when there is nothing to say."),
}

Record = dict[str, Any]


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def literal(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def history_path(published: Path) -> Path:
    return published.with_name(f"{published.stem}.runs.jsonl")


def append_record(path: Path, record: Record) -> None:
    """Add one line and see it written. A line that a kill has cut short is ended, and never read."""
    with path.open("ab+") as file:
        start = ""
        if file.tell():
            file.seek(-1, os.SEEK_END)
            start = "" if file.read(1) == b"\n" else "\n"
        file.write(f"{start}{json.dumps(record)}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def read_history(path: Path) -> list[Record]:
    """Read the last word on every run, in the order in which they started, whatever the clock said."""
    runs: dict[str, Record] = {}
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        with suppress(ValueError, TypeError, KeyError):
            record = json.loads(line)
            runs[record["started_at"]] = record
    return [*runs.values()]


def settle_history(published: Path) -> None:
    """Say what became of runs that ended without a word: was the file they were about to publish still published?"""
    for record in read_history(history_path(published)):
        if record["status"] in ("started", "publishing", "rolling_back"):
            status = "killed"
            if record["status"] == "publishing" and published.with_name(record["file"]).exists():
                status = "published"
            if record["status"] == "rolling_back" and is_same_file(published, published.with_name(record["file"])):
                status = "rolled_back"
            append_record(history_path(published), record | {"status": status})


def is_same_file(published: Path, kept: Path) -> bool:
    """Whether a kept file is the published one: they have one time of change, also where a file system has no links."""
    return published.exists() and kept.exists() and published.stat().st_mtime_ns == kept.stat().st_mtime_ns


def write_history(connection: duckdb.DuckDBPyConnection, catalog: str, records: list[Record]) -> None:
    """Make the table of the runs anew."""
    rows = [{column: record.get(column) for column in HISTORY_COLUMNS} for record in records]
    shape = json.dumps([{column: data_type for column, (data_type, _) in HISTORY_COLUMNS.items()}])
    table = f"{catalog}.marts.run_history"
    connection.execute(f"create schema if not exists {catalog}.marts")
    connection.execute(
        f"create or replace table {table} as select unnest(from_json(?, {literal(shape)}), recursive := true)",
        [json.dumps(rows)],
    )
    connection.execute(f"comment on table {table} is 'One scheduled run or rollback, failed and killed ones too.'")
    for column, (_, description) in HISTORY_COLUMNS.items():
        connection.execute(f"comment on column {table}.{column} is {literal(description)}")
