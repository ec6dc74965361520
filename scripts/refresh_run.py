"""A scheduled run on any target: its row in the history, the dbt build in it, how it is stopped, its report."""

import json
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

import click
from dbt_build import WHOLE_HISTORY, explain_failure, read_freshness, read_manifest, start_build, watch_build
from messages import printing, tell_failure
from rich import box
from rich.console import Console
from rich.table import Table
from run_history import HISTORY_COLUMNS, RAW_TABLES, Record, now

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(kw_only=True)
class Run(ABC):
    """One run: its row in the history, and what there is to say of it. What it publishes to is the target's affair."""

    record: Record = field(default_factory=dict)
    locks: list[int] = field(default_factory=list)
    child: subprocess.Popen[str] | None = None
    freshness: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    published_rows: dict[str, int] = field(default_factory=dict)

    @property
    @abstractmethod
    def dbt_options(self) -> list[str]:
        """What tells dbt where to build."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Variables that do the same."""

    @abstractmethod
    def history(self) -> list[Record]:
        """The last word on every run, the oldest first."""

    @abstractmethod
    def append(self) -> None:
        """Add the row's state to the history, for good."""

    @abstractmethod
    def clear(self) -> None:
        """Remove what is unfinished, when the run is stopped."""

    @abstractmethod
    def places(self) -> Record:
        """Where it is published, and what is kept for a rollback."""

    @property
    def tests_of_its_own(self) -> list[str]:
        """Tests that the target makes itself, as dbt selects them."""
        return []

    def write(self, **changes: object) -> None:
        """Add the row's newest state to the history, for good."""
        self.record |= changes
        self.append()

    def seconds(self) -> float:
        return round((now() - datetime.fromisoformat(self.record["started_at"])).total_seconds(), 3)

    def count_loaded_rows(self, raw_rows: dict[str, int]) -> None:
        """A run has loaded what was delivered since the last published one, also when killed runs came between."""
        published = [record["raw_rows"] for record in self.history() if record["status"] == "published"]
        before = published[-1] if published else {}
        self.record["raw_rows"] = raw_rows
        self.record |= {f"{table}_loaded_rows": rows - before.get(table, 0) for table, rows in raw_rows.items()}


def build(run: Run, full_refresh: bool, console: Console) -> dict[str, Any]:
    """Run dbt, and give what it knows of the project."""
    run.record["tests_everything"] = full_refresh or tests_are_due(run)
    left_out = [*run.tests_of_its_own, *([] if run.record["tests_everything"] else [WHOLE_HISTORY])]
    run.child = start_build(run.dbt_options, run.environment, full_refresh, left_out, run.locks)
    with showing(console, "Starting dbt") as show:
        done = watch_build(run.child, show)
    run.child = None
    run.record["invocation_id"] = done.invocation_id
    if done.errors:
        raise explain_failure(done.errors)
    run.freshness, run.warnings = read_freshness(), done.warnings
    manifest = read_manifest()
    if any(node["resource_type"] == "seed" and node["schema"] == "raw" for node in manifest.get("nodes", {}).values()):
        run.warnings.append("These are the journeys of the sample: set JOURNEY_RAW_PATH to the folder of raw files.")
    return manifest


@contextmanager
def showing(console: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Show what goes on to whoever sits at a terminal; into a file it would only be written when it is over."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(doing) as status:
        yield status.update


def tests_are_due(run: Run) -> bool:
    """Whether nothing published in the last day has passed the tests that read the whole history."""
    passed = [
        record["started_at"]
        for record in run.history()
        if record["status"] == "published" and record.get("tests_everything")
    ]
    return not passed or not timedelta() <= now() - datetime.fromisoformat(passed[-1]) < timedelta(days=1)


@contextmanager
def stoppable(run: Run, console: Console) -> Iterator[None]:
    """Until the new file is swapped in, a signal ends the run and the dbt it has started."""

    def stop(number: int, frame: FrameType | None) -> None:
        # Not by an exception, which DuckDB may lose. A build survives being killed; asking it would take its time.
        if run.child is not None:
            run.child.kill()
        run.clear()
        message = f"Stopped by {signal.Signals(number).name}, nothing is published."
        with suppress(OSError, KeyError, click.ClickException):
            run.write(status="failed", seconds=run.seconds(), message=message)
        console.show_cursor()
        tell_failure(128 + number, message)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else stop)  # ignored as under nohup
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def summary_of(run: Run) -> Record:
    """Everything there is to say about a run that went well."""
    told = {name: text for name, text in run.record.items() if name in HISTORY_COLUMNS and text is not None}
    told |= {"exit_code": 0} | run.places()
    return told | {"published_rows": run.published_rows, "freshness": run.freshness, "warnings": run.warnings}


def summary_table(run: Run) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Table", overflow="fold")
    table.add_column("Rows", justify="right")
    table.add_column("", overflow="fold")
    for name in RAW_TABLES:
        table.add_row(f"raw.{name}", f"+{run.record[f'{name}_loaded_rows']:,}", run.freshness.get(name, ""))
    for name, rows in run.published_rows.items():
        table.add_row(f"marts.{name}", f"{rows:,}", "")
    for warning in run.warnings:
        table.add_row("warning", "", warning)
    return table


def tell_success(run: Run, said: list[Table | str], as_json: bool, console: Console) -> None:
    with printing():
        for part in said:
            console.print(part, soft_wrap=isinstance(part, str))
    with printing():
        if as_json:
            click.echo(json.dumps(summary_of(run)))
