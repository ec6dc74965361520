"""The scheduled run on PostgreSQL: dbt builds the schema marts_build, and a copy of it takes the place of schema marts.

The copy is made first, in a transaction of its own; the swap is two renames in another. Before it, the swap takes all
tables of the old schema for itself: so it waits for whoever reads one of them, and whoever comes meanwhile waits for it
and then finds the new ones. A statement, and a transaction of several, sees the tables of one run.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click
from dbt_build import names_of_marts
from messages import reason
from postgres import connect, driver
from published_files import Locked
from refresh_run import STOP_SIGNALS, Run, build, showing, stoppable
from rich.console import Console
from run_history import HISTORY_COLUMNS, Record, literal, now

BUILD_SCHEMA, NEW, PUBLISHED = "marts_build", "marts_new", "marts"
LOCK_KEY = "journey_analytics refresh_marts"
RUNS = "publishing.runs"
# How long a swap waits for readers in all, and at a time. Less than deadlock_timeout, so that no reader is ever ended.
PATIENCE = 300.0
AT_A_TIME = "400ms"
POSTGRES_TYPES = {"VARCHAR": "text", "DOUBLE": "double precision"}


@dataclass
class SchemaRun(Run):
    """A run that builds in one schema and publishes another."""

    @property
    def dbt_options(self) -> list[str]:
        return ["--target", "postgres", "--vars", json.dumps({"marts_schema": BUILD_SCHEMA})]

    @property
    def environment(self) -> dict[str, str]:
        return {}

    def history(self) -> list[Record]:
        with connect(autocommit=True) as connection:
            rows = connection.execute(f"select record from {RUNS} order by started_at").fetchall()
        return [record for (record,) in rows]

    def append(self) -> None:
        psycopg = driver()

        try:
            # A connection of its own: a signal may come while the other one is at work.
            with connect(autocommit=True) as connection:
                self.note(connection)
        except psycopg.Error as error:
            raise as_failure(error) from error

    def note(self, connection: Any) -> None:
        connection.execute(
            f"insert into {RUNS} values (%s, %s) on conflict (started_at) do update set record = excluded.record",
            [self.record["started_at"], json.dumps(self.record)],
        )

    def clear(self) -> None:
        """What is unfinished is a transaction, which ends with the run."""

    def places(self) -> Record:
        with connect(autocommit=True) as connection:
            return {"published_schema": PUBLISHED, "kept_schemas": kept_schemas(connection)}


@contextmanager
def open_run() -> Iterator[SchemaRun]:
    """Keep other runs out until this one and its dbt have ended, and make the table of the runs."""
    psycopg = driver()

    run = SchemaRun()
    try:
        with connect(autocommit=True) as connection:
            hold_lock(connection)
            # dbt inherits the connection, and the lock with it.
            run.locks.append(connection.fileno())
            with connection.transaction():
                connection.execute("create schema if not exists publishing")
                connection.execute(
                    f"create table if not exists {RUNS} (started_at timestamp primary key, record jsonb)"
                )
                # A run that ended without a word published nothing: what publishes also notes it, in one transaction.
                killed = json.dumps({"status": "killed"})
                sql = f"update {RUNS} set record = record || %s::jsonb where record ->> 'status' = 'started'"
                connection.execute(sql, [killed])
                if name_of_published(connection) == "":
                    connection.execute(comment_of(next_name(connection)))  # it was there before the first run
            yield run
    except psycopg.Error as error:
        raise as_failure(error) from error


def hold_lock(connection: Any) -> None:
    """Take the lock of this database, or say who has it. The dbt of a run that was killed is about to end."""
    deadline = time.monotonic() + 3
    while not connection.execute("select pg_try_advisory_lock(hashtext(%s))", [LOCK_KEY]).fetchone()[0]:
        if time.monotonic() > deadline:
            raise Locked("Another run is at work in this database.")
        time.sleep(0.1)


# Publishing


def copy_marts(run: SchemaRun, manifest: dict[str, Any], connection: Any) -> None:
    """Copy the marts, what is a view among them as a table, with all that is said of them, and count the raw rows."""
    connection.execute(f"drop schema if exists {NEW} cascade; create schema {NEW}")
    for table in names_of_marts(manifest, BUILD_SCHEMA):
        copied = connection.execute(f"create table {NEW}.{table} as table {BUILD_SCHEMA}.{table}")
        run.published_rows[table] = copied.rowcount
    comments = connection.execute(
        """
        select relname, attname, description
        from pg_description
        join pg_class on pg_class.oid = objoid and classoid = 'pg_class'::regclass
        left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0
        where relnamespace = %s::regnamespace
        """,
        [BUILD_SCHEMA],
    ).fetchall()
    for table, column, comment in comments:
        if table in run.published_rows:
            what = f"table {NEW}.{table}" if column is None else f"column {NEW}.{table}.{column}"
            connection.execute(f"comment on {what} is {literal(comment)}")
    raw_rows = {}
    for source in manifest["sources"].values():
        count = f"select count(*) from {source['schema']}.{source['name']}"
        raw_rows[source["name"]] = connection.execute(count).fetchone()[0]
    run.count_loaded_rows(raw_rows)
    show_history(connection)
    grant_to_readers(connection)


def show_history(connection: Any) -> None:
    """The history is a view: a run that failed shows at once."""
    columns = {name: POSTGRES_TYPES.get(data_type, data_type) for name, (data_type, _) in HISTORY_COLUMNS.items()}
    cells = ", ".join(f"(record ->> '{name}')::{data_type} as {name}" for name, data_type in columns.items())
    view = f"{NEW}.run_history"
    connection.execute(f"create view {view} as select {cells} from {RUNS} where record ->> 'status' <> 'started'")
    connection.execute(f"comment on view {view} is 'One scheduled run or rollback, failed and killed ones too.'")
    for name, (_, description) in HISTORY_COLUMNS.items():
        connection.execute(f"comment on column {view}.{name} is {literal(description)}")


def grant_to_readers(connection: Any) -> None:
    """Whoever may use the published schema may read all of the next one."""
    readers = connection.execute(
        """
        select distinct case grantee when 0 then 'public' else quote_ident(rolname) end
        from pg_namespace
        cross join aclexplode(nspacl)
        left join pg_roles on pg_roles.oid = grantee
        where nspname = %s and privilege_type = 'USAGE' and grantee <> nspowner
        """,
        [PUBLISHED],
    ).fetchall()
    for (reader,) in readers:
        connection.execute(f"grant usage on schema {NEW} to {reader}")
        connection.execute(f"grant select on all tables in schema {NEW} to {reader}")


def verify_marts(run: SchemaRun, connection: Any) -> None:
    """Read the copy, every row of it, and compare its tables with those of the build."""
    found = {}
    for table in tables_of(NEW, connection):
        connection.execute(f"analyze {NEW}.{table}")
        found[table] = connection.execute(f"select count(*) from {NEW}.{table}").fetchone()[0]
    if found != run.published_rows:
        raise click.ClickException(f"The copy of the marts is not what was built: {found}, not {run.published_rows}.")


def tables_of(schema: str, connection: Any) -> list[str]:
    sql = "select tablename from pg_tables where schemaname = %s order by tablename"
    return [table for (table,) in connection.execute(sql, [schema]).fetchall()]


def kept_schemas(connection: Any) -> list[str]:
    """List the schemas that were published before, the oldest first."""
    sql = r"select nspname from pg_namespace where nspname ~ '^marts_\d{8}t\d{12}z$' order by nspname"
    return [schema for (schema,) in connection.execute(sql).fetchall()]


def name_of_published(connection: Any) -> str | None:
    """The name under which the published schema is kept when another takes its place.

    It stands in the comment of the schema. None when there is no such schema, nothing when it has no such comment.
    """
    sql = r"""
        select coalesce(substring(obj_description(oid, 'pg_namespace') from 'marts_\d{8}t\d{12}z$'), '')
        from pg_namespace where nspname = %s
    """
    found = connection.execute(sql, [PUBLISHED]).fetchone()
    return found and str(found[0])


def comment_of(name: str) -> str:
    return f"comment on schema {PUBLISHED} is 'Published by scripts/refresh_marts.py as {name}'"


def swap(new: str, name: str, connection: Any, run: SchemaRun) -> None:
    """Publish schema `new`, and note it, in one transaction with no reader in the way.

    Raises Locked when readers leave no gap.
    """
    psycopg = driver()

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with connection.transaction():
                present = name_of_published(connection)
                if present is not None:
                    tables = ", ".join(f"{PUBLISHED}.{table}" for table in tables_of(PUBLISHED, connection))
                    connection.execute(f"set local statement_timeout = '{AT_A_TIME}'")
                    connection.execute(f"lock table {tables} in access exclusive mode" if tables else "select")
                    connection.execute("set local statement_timeout = 0")
                    connection.execute(f"alter schema {PUBLISHED} rename to {present}")
                connection.execute(f"alter schema {new} rename to {PUBLISHED}")
                connection.execute(comment_of(name))
                run.note(connection)
            return
        except psycopg.errors.QueryCanceled as error:
            if time.monotonic() > deadline:
                raise Locked("Somebody reads schema marts without a pause: end that, or try again later.") from error
            time.sleep(0.1)  # for the readers that have waited


def next_name(connection: Any) -> str:
    """A name by the time, and after all that are kept, also when the clock was turned back."""
    names = [*kept_schemas(connection), name_of_published(connection) or ""]
    moments = [datetime.strptime(name, "marts_%Y%m%dt%H%M%S%fz") for name in names if name]
    return f"{max([now(), *(moment + timedelta(microseconds=1) for moment in moments)]):marts_%Y%m%dt%H%M%S%fz}"


def publish(run: SchemaRun, manifest: dict[str, Any], keep: int) -> None:
    psycopg = driver()

    with connect(autocommit=True) as connection:
        with connection.transaction():
            copy_marts(run, manifest, connection)
        verify_marts(run, connection)
        run.published_rows["run_history"] = len(run.history())
        for number in STOP_SIGNALS:  # too late to stop
            signal.signal(number, signal.SIG_IGN)
        run.record |= {"status": "published", "seconds": run.seconds()}
        swap(NEW, next_name(connection), connection, run)
        with suppress(psycopg.Error):  # it is published; the next run makes up for the rest
            connection.execute("set lock_timeout = '5s'")
            kept = kept_schemas(connection)
            for old in kept[: max(len(kept) + 1 - keep, 0)]:
                connection.execute(f"drop schema {old} cascade")


def refresh_schemas(run: SchemaRun, keep: int, full_refresh: bool, console: Console) -> None:
    """Build, check and publish."""
    psycopg = driver()

    with stoppable(run, console):
        run.write(started_at=now().isoformat(timespec="microseconds"), status="started")
        try:
            manifest = build(run, full_refresh, console)
            with showing(console, "Publishing"):
                publish(run, manifest, keep)
        except (click.ClickException, psycopg.Error, OSError) as error:
            failure = error if isinstance(error, click.ClickException) else as_failure(error)
            with suppress(click.ClickException):  # the failure itself matters more
                run.write(status="failed", seconds=run.seconds(), message=failure.message)
            raise failure from error


def as_failure(error: Exception) -> click.ClickException:
    psycopg = driver()

    is_machine = isinstance(error, OSError | psycopg.OperationalError | psycopg.errors.InsufficientPrivilege)
    kind = click.UsageError if is_machine else click.ClickException
    return kind(f"Cannot publish, schema marts stays as it was: {reason(error)}.")


def roll_back_schemas(run: SchemaRun) -> None:
    """Publish the schema that was published before the present one. What is withdrawn stays kept, but is never next."""
    with connect(autocommit=True) as connection:
        present = name_of_published(connection)
        withdrawn = {record.get("withdrawn") for record in run.history()}
        earlier = [name for name in kept_schemas(connection) if name not in withdrawn]
        earlier = [name for name in earlier if present is None or name < present]
        if not earlier:
            raise click.UsageError("No earlier schema is kept: marts stays as it is.")
        message = f"Published {earlier[-1]} again" + (f" in place of {present}" if present else "")
        run.record["started_at"] = now().isoformat(timespec="microseconds")
        run.record |= {"status": "rolled_back", "seconds": run.seconds(), "message": message, "withdrawn": present}
        swap(earlier[-1], earlier[-1], connection, run)
