"""Load what is new, test it and publish it: one scheduled run.

\b
    export JOURNEY_RAW_PATH=/data/raw JOURNEY_PUBLISHED_PATH=/data/journeys.duckdb
    python scripts/refresh_marts.py
    python scripts/refresh_marts.py --full-refresh
    python scripts/refresh_marts.py --rollback
    python scripts/refresh_marts.py --target postgres

Runs source freshness and `dbt build` with data tests and invariants into JOURNEY_DUCKDB_PATH, copies the marts into a
new file, reads that file back and swaps it in as JOURNEY_PUBLISHED_PATH. Whoever opens that path sees one complete
state; a run that fails, or is killed at any moment, leaves it as it was, and the next run needs no repair.

Beside the published file stand `<stem>.<UTC time>.duckdb`, the last --keep published files, which --rollback goes back
through one by one; `<stem>.runs.jsonl`, the history of the runs, published as marts.run_history; and a lock.

On PostgreSQL the build is the schema marts_build, what is published the schema marts, and what is kept for --rollback
the schemas marts_<UTC time>; a new state takes the place of the last by renaming, in one transaction.

Exit codes: 0 published, 1 build or test failed and nothing is published, 2 wrong use or environment, 3 locked.
"""

import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
from dbt_build import MACHINE_FAULTS, names_of_marts
from messages import quote, reason, run_command
from project import PROJECT
from published_files import (
    Locked,
    give_name,
    keep_published,
    kept_files,
    kept_path,
    lock,
    moment_of,
    name_of_published,
    sync,
)
from refresh_postgres import open_run, refresh_schemas, roll_back_schemas
from refresh_run import STOP_SIGNALS, Run, build, showing, stoppable, summary_table, tell_success
from rich.console import Console
from run_history import (
    Record,
    append_record,
    history_path,
    literal,
    now,
    read_history,
    settle_history,
    write_history,
)
from user_lists import LISTS, can_be_replaced, check_lists, replace_lists, state_of_lists

PUBLISHED_VARIABLE = "JOURNEY_PUBLISHED_PATH"
# Of the project, of DuckDB, and what a run attaches: no file may be called by one of them.
SCHEMAS = (
    *("raw", "staging", "intermediate", "marts", "main", "information_schema", "pg_catalog"),
    *("temp", "system", "copied"),
)


@dataclass
class FileRun(Run):
    """A run that builds in one file and publishes another."""

    build: Path
    published: Path
    folder: Path | None = None

    @property
    def dbt_options(self) -> list[str]:
        return ["--target", "duckdb"]

    @property
    def environment(self) -> dict[str, str]:
        return {"JOURNEY_DUCKDB_PATH": str(self.build)}

    @property
    def tests_of_its_own(self) -> list[str]:
        return ["tag:user_lists"]  # what they read is a view in the build, and a table in the new file

    def history(self) -> list[Record]:
        return read_history(history_path(self.published))

    def append(self) -> None:
        append_record(history_path(self.published), self.record)

    def clear(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def places(self) -> Record:
        kept = [path.name for path in kept_files(self.published)]
        return {"published_path": str(self.published), "kept_files": kept}


# Files


def check_places(build: Path, published: Path | None) -> FileRun:
    """Refuse files that cannot work, before any work is done."""
    if published is None:
        raise click.UsageError(f"Set {PUBLISHED_VARIABLE} to the file for readers, such as /data/journeys.duckdb.")
    if str(build) == ":memory:":
        raise click.UsageError("JOURNEY_DUCKDB_PATH must be a file: a run goes on from what the last one built.")
    try:
        build, published = build.resolve(), published.resolve()
    except RuntimeError as error:  # a link to itself
        raise click.UsageError(f"Cannot use a path: {reason(error)}.") from error
    if {"'", '"', "\\"} & set(build.name):  # dbt takes the name into its SQL as it is
        raise click.UsageError(f"The name of the build file has a quotation mark or a backslash: {quote(build)}.")
    for path in (build, published):
        if "?" in str(path) or not str(path).isprintable():  # DuckDB takes what follows for settings
            raise click.UsageError(f"{quote(path)} has a question mark or what cannot be printed in it.")
        if path.name.partition(".")[0].lower() in SCHEMAS:  # what DuckDB takes as the name of the database
            raise click.UsageError(f"{quote(path)} has the name of a schema in it: choose another file name.")
        if not path.parent.is_dir():
            raise click.UsageError(f"There is no folder {quote(path.parent)}: make it, or name another file.")
        if path.exists() and not path.is_file():
            raise click.UsageError(f"{quote(path)} is a folder or a device: name a plain file.")
    if build == published or (build.exists() and published.exists() and build.samefile(published)):
        raise click.UsageError(f"{PUBLISHED_VARIABLE} is the build file {quote(build)}: name another file.")
    try:
        kept_path(published, 0).lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise click.UsageError(f"Cannot keep files beside {quote(published)}: {reason(error)}.") from error
    return FileRun(build, published)


@contextmanager
def working_folder(run: FileRun) -> Iterator[Path]:
    """Clear away what dead runs left behind, and make a folder for all that is unfinished."""
    prefix = f".{run.published.name}.refresh_"
    try:
        for leftover in [path for path in run.published.parent.iterdir() if path.name.startswith(prefix)]:
            shutil.rmtree(leftover, ignore_errors=True)
        run.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=run.published.parent))
    except OSError as error:
        folder = quote(run.published.parent)
        raise click.UsageError(f"Cannot write into the folder {folder}: {reason(error)}.") from error
    try:
        yield run.folder
    finally:
        shutil.rmtree(run.folder, ignore_errors=True)


def prepare_build_file(build: Path) -> None:
    """See that the build file can be written and that nobody else has it open; make it where there is none."""
    made, log, spilled = (build.with_name(build.name + ending) for ending in (".new", ".wal", ".tmp"))
    made_log = made.with_name(made.name + ".wal")
    try:
        if not build.exists() or build.stat().st_size == 0:
            # Made beside it and renamed: DuckDB does not open a file that it was killed making.
            for leftover in (made, made_log, log):
                leftover.unlink(missing_ok=True)
            with duckdb.connect() as connection:
                connection.execute(f"attach {literal(made)} as made (storage_version 'v1.4.0')")
            os.replace(made, build)
        duckdb.connect(str(build)).close()
        shutil.rmtree(spilled, ignore_errors=True)
    except (duckdb.Error, OSError) as error:
        if "Could not set lock" in str(error):
            raise Locked(f"Another program has the build file open: {reason(error)}.") from error
        raise click.UsageError(f"Cannot use the build file {quote(build)}: {reason(error)}.") from error


# Publishing


def make_new_file(run: FileRun, manifest: dict[str, Any], new: Path) -> None:
    """Make the file to publish. It begins as a copy of the published one where its lists can stay."""
    published = published_record(run)
    run.record |= state_of_build(run, manifest, new.parent)
    if not must_begin_anew(run, published):
        try:
            shutil.copyfile(run.published, new)
            fill_new_file(run, manifest, new, published)
            return
        except (duckdb.Error, click.ClickException) as error:  # what is published may be damaged, or not of this build
            run.warnings.append(f"All lists are made anew: {reason(error)}.")
            for leftover in (new, new.with_name(new.name + ".wal")):
                leftover.unlink(missing_ok=True)
    fill_new_file(run, manifest, new)


def fill_new_file(run: FileRun, manifest: dict[str, Any], new: Path, published: Record | None = None) -> None:
    """Copy the marts into the new file and verify it; lists that are as published have passed their tests."""
    copy_marts(run, manifest, new, published)
    if new.with_name(new.name + ".wal").exists():
        raise click.ClickException("DuckDB could not complete the new file: is the disk full?")
    with work_connection(new, new.parent) as connection:
        verify_marts(run, connection)
        if published is None or run.record["made_of"] != published["made_of"]:
            check_lists(connection, manifest)


def must_begin_anew(run: FileRun, published: Record) -> bool:
    """Whether nothing of what is published can stay. A run that tests everything makes everything anew, each day."""
    if run.record["tests_everything"] or not published:
        return True
    if run.record["made_of"] == published["made_of"]:
        return False
    return not can_be_replaced(published.get("lists"), run.record["lists"])


def remove_log(published: Path) -> None:
    """Remove what somebody who wrote into the published file has left beside it: no other file opens with it."""
    published.with_name(published.name + ".wal").unlink(missing_ok=True)


def state_of_build(run: FileRun, manifest: dict[str, Any], folder: Path) -> Record:
    """What decides the rows of the marts, as one short text: the tables of the build and the words of its views.

    A table whose rows say of which batch they are changes only with its batches, the others are small.
    """
    with work_connection(run.build, folder) as connection:
        raw_schemas = [source["schema"] for source in manifest["sources"].values()]
        tables = connection.execute(
            """
            select schema_name, table_name, list(column_name) filter (where column_name like '%batch_number')
            from duckdb_columns()
            where
                database_name = current_database() and schema_name not in (select unnest($1))
                and table_name != 'run_history' and table_oid in (select table_oid from duckdb_tables())
            group by all order by all
            """,
            [raw_schemas],
        ).fetchall()
        state = connection.execute("select sql from duckdb_views() where not internal order by all").fetchall()
        for schema, table, batches in tables:
            seen = ", ".join(f"max({column})" for column in batches or ()) or "sum(hash(t))"
            state += connection.execute(f"select '{table}', count(*), {seen} from {schema}.{table} t").fetchall()
        lists = state_of_lists(connection, manifest) if LISTS in names_of_marts(manifest, "marts") else None
    return {"made_of": hashlib.sha256(repr(state).encode()).hexdigest(), "lists": lists}


def published_record(run: FileRun) -> Record:
    """The row of the run that has published what is published now; nothing when no run has."""
    if not run.published.exists():
        return {}
    name = name_of_published(run.published).name
    records = [record for record in run.history() if record.get("file") == name and "made_of" in record]
    return records[-1] if records else {}


def copy_marts(run: FileRun, manifest: dict[str, Any], new: Path, published: Record | None = None) -> None:
    """Copy the marts, what is a view among them as a table, with all that is said of them, and count the raw rows.

    In a copy of the published file the copies of views stay where nothing has changed since, and of the lists those of
    users who have not.
    """
    marts = names_of_marts(manifest, "marts")
    # The build file is the main database, because its views call it by its name.
    with work_connection(run.build, new.parent) as connection:
        connection.execute(f"attach {literal(new)} as copied (storage_version 'v1.4.0', read_write true)")
        connection.execute("create schema if not exists copied.marts")
        staying = []
        if published and published["made_of"] == run.record["made_of"]:
            staying = connection.execute("select view_name from duckdb_views() where schema_name = 'marts'").fetchall()
        elif published:
            replace_lists(connection, published["lists"])
            staying = [(LISTS,)]
        for table in marts:
            make = f"create or replace table copied.marts.{table} as from marts.{table}"
            if (table,) in staying:
                make = f"select count(*) from copied.marts.{table}"
            [(run.published_rows[table],)] = connection.execute(make).fetchall()
        comments = """
            select table_name as name, null as column_name, comment from duckdb_tables() where {0}
            union all select view_name, null, comment from duckdb_views() where {0}
            union all select table_name, column_name, comment from duckdb_columns() where {0}
        """.format("database_name = current_database() and schema_name = 'marts' and comment is not null")
        for table, column, comment in connection.execute(comments).fetchall():
            if table in marts:
                what = f"table copied.marts.{table}" if column is None else f"column copied.marts.{table}.{column}"
                connection.execute(f"comment on {what} is {literal(comment)}")
        run.count_loaded_rows(count_raw_rows(manifest, connection))
        run.record |= {"status": "published", "seconds": run.seconds()}
        history = [record for record in read_history(history_path(run.published)) if record["status"] != "started"]
        write_history(connection, "copied", [*history, run.record])
        # Closing would do the same, but say nothing when the disk is full, and leave rows in a log beside the file.
        connection.execute("checkpoint copied")
        connection.execute("detach copied")
    run.published_rows["run_history"] = len(history) + 1


def memory_limit() -> str:
    return os.environ.get("JOURNEY_MEMORY_LIMIT", "6GB")


def work_connection(file: Path, folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a file for reading, with the limits of a build and the spill in a folder that is cleared."""
    settings: dict[str, Any] = {
        "memory_limit": memory_limit(),
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(str(file), read_only=True, config=settings)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def count_raw_rows(manifest: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = {}
    for source in manifest["sources"].values():
        [(rows[source["name"]],)] = connection.execute(
            f"select count(*) from {source['schema']}.{source['name']}"
        ).fetchall()
    return rows


def verify_marts(run: FileRun, connection: duckdb.DuckDBPyConnection) -> None:
    """Read the new file back from the disk, every value of it, and compare its tables with those of the build."""
    tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    found = {}
    for (table,) in tables:
        # The hash makes DuckDB read and check every block.
        read = connection.execute(f"select count(*), bit_xor(hash(t)) from marts.{table} t").fetchall()
        found[table] = read[0][0]
    if found != run.published_rows:
        raise click.ClickException(f"The copy of the marts is not what was built: {found}, not {run.published_rows}.")


def publish(run: FileRun, new: Path, keep: int) -> None:
    """Swap the new file in."""
    newest = max((moment_of(path) for path in kept_files(run.published)), default=0)
    if new.stat().st_mtime_ns // 1000 <= newest:  # the clock was turned back
        os.utime(new, ns=(0, (newest + 1) * 1000))
    sync(new)
    for number in STOP_SIGNALS:  # too late to stop
        signal.signal(number, signal.SIG_IGN)
    run.write(status="publishing", file=kept_path(run.published, new.stat().st_mtime_ns // 1000).name)
    remove_log(run.published)
    os.replace(new, run.published)
    run.record["status"] = "published"
    with suppress(OSError):  # it is published; the next run makes up for the rest
        sync(run.published.parent)
        keep_published(run.published, new.parent)
        run.append()
        for old in kept_files(run.published)[:-keep]:
            old.unlink(missing_ok=True)


def refresh(run: FileRun, keep: int, full_refresh: bool, console: Console) -> None:
    """Build, check and publish."""
    raw_path = os.environ.get("JOURNEY_RAW_PATH")
    if raw_path and not Path(raw_path).is_dir():
        raise click.UsageError(f"JOURNEY_RAW_PATH names no folder: {quote(raw_path)}.")
    try:
        duckdb.connect(config={"memory_limit": memory_limit()}).close()
    except duckdb.Error as error:
        raise click.UsageError(f"JOURNEY_MEMORY_LIMIT is {quote(memory_limit())}: {reason(error)}.") from error
    with working_folder(run) as folder, stoppable(run, console):
        try:
            keep_published(run.published, folder)
            settle_history(run.published)
            run.write(started_at=now().isoformat(timespec="microseconds"), status="started")
        except OSError as error:
            raise click.UsageError(f"Cannot write beside {quote(run.published)}: {reason(error)}.") from error
        try:
            prepare_build_file(run.build)
            manifest = build(run, full_refresh, console)
            with showing(console, "Publishing"):
                make_new_file(run, manifest, folder / "new.duckdb")
                publish(run, folder / "new.duckdb", keep)
        except (click.ClickException, duckdb.Error, OSError) as error:
            failure = as_failure(error)
            with suppress(OSError):  # the failure itself matters more
                run.write(status="failed", seconds=run.seconds(), message=failure.message)
            raise failure from error
        finally:
            show_history_in_build(run)


def show_history_in_build(run: FileRun) -> None:
    """For whoever looks into the build file, where failed runs show at once; the truth is beside the published one."""
    with suppress(duckdb.Error, OSError), duckdb.connect() as connection:
        if run.build.exists():
            connection.execute(f"attach {literal(run.build)} as build")
            write_history(connection, "build", read_history(history_path(run.published)))


def as_failure(error: Exception) -> click.ClickException:
    if isinstance(error, click.ClickException):
        return error
    if "Could not set lock" in str(error):
        return Locked(f"Another program has the build file open: {reason(error)}.")
    is_machine = isinstance(error, OSError) or any(fault in str(error) for fault in MACHINE_FAULTS)
    kind = click.UsageError if is_machine else click.ClickException
    return kind(f"Cannot publish, the published file stays as it was: {reason(error)}.")


def roll_back(run: FileRun) -> None:
    """Publish the file that was published before the present one. What is withdrawn stays kept, but is never next."""
    with working_folder(run) as folder:
        keep_published(run.published, folder)
        settle_history(run.published)
        withdrawn = {record.get("withdrawn") for record in run.history() if record["status"] == "rolled_back"}
        present = name_of_published(run.published).name if run.published.exists() else None
        earlier = [path for path in kept_files(run.published) if path.name not in withdrawn]
        # The published file can have two names here, when somebody has touched it.
        earlier = [p for p in earlier if present is None or (p.name < present and not p.samefile(run.published))]
        if not earlier:
            raise click.UsageError(f"No earlier file is kept beside {quote(run.published)}: it stays as it is.")
        message = f"Published {earlier[-1].name} again" + (f" in place of {present}" if present else "")
        run.record |= {"started_at": now().isoformat(timespec="microseconds"), "message": message, "withdrawn": present}
        run.write(status="rolling_back", file=earlier[-1].name)
        remove_log(run.published)
        give_name(earlier[-1], run.published, folder)
        run.write(status="rolled_back", seconds=run.seconds())


def refresh_postgres(full_refresh: bool, rollback: bool, keep: int, as_json: bool, console: Console) -> None:
    with open_run() as run:
        if rollback:
            roll_back_schemas(run)
            tell_success(run, [f"{run.record['message']}."], as_json, console)
        else:
            refresh_schemas(run, keep, full_refresh, console)
            done = f"Published schema marts in {run.record['seconds']:.1f} s."
            tell_success(run, [summary_table(run), done], as_json, console)


@click.command(help=__doc__)
@click.option("--target", type=click.Choice(["duckdb", "postgres"]), default="duckdb", show_default=True)
@click.option("--full-refresh", is_flag=True, help="Build every table anew from all raw rows.")
@click.option("--rollback", is_flag=True, help="Build nothing: publish the file that was published before this one.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Published files to keep, the present one among them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON on stdout.")
@click.option(
    "--build-file",
    type=click.Path(path_type=Path),
    envvar="JOURNEY_DUCKDB_PATH",
    default=PROJECT / "journey_analytics.duckdb",
    help="File to build in; default: JOURNEY_DUCKDB_PATH, else journey_analytics.duckdb of the project.",
)
@click.option(
    "--published-file",
    type=click.Path(path_type=Path),
    envvar=PUBLISHED_VARIABLE,
    help=f"File for readers; default: {PUBLISHED_VARIABLE}.",
)
def refresh_marts(
    target: str,
    full_refresh: bool,
    rollback: bool,
    keep: int,
    as_json: bool,
    build_file: Path,
    published_file: Path | None,
) -> None:
    console = Console(stderr=True, markup=False, highlight=False)
    if rollback and full_refresh:
        raise click.UsageError("--rollback builds nothing: leave out --full-refresh.")
    if target == "postgres":
        refresh_postgres(full_refresh, rollback, keep, as_json, console)
        return
    run = check_places(build_file, published_file)
    with ExitStack() as locks:
        run.locks += [locks.enter_context(lock(path)) for path in sorted((run.build, run.published))]
        if rollback:
            roll_back(run)
            tell_success(run, [f"{run.record['message']}."], as_json, console)
        else:
            refresh(run, keep, full_refresh, console)
            done = f"Published {quote(run.published)} in {run.record['seconds']:.1f} s."
            tell_success(run, [summary_table(run), done], as_json, console)


if __name__ == "__main__":
    run_command(refresh_marts)
