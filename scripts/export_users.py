"""Write the users behind one published journey number to a CSV or XLSX file.

\b
    python scripts/export_users.py --list
    python scripts/export_users.py --list --journey welcome
    python scripts/export_users.py --journey welcome --metric converted_users --format csv --output users.csv
    python scripts/export_users.py --journey welcome --step s2 --metric clicked_count --format xlsx --output s2.xlsx
    python scripts/export_users.py --journey welcome --step s3 --metric outcome_count --outcome yes ...

The file holds `user_id, event_count, first_at, last_at`, a line per user, ordered by the id as it is written. The sum
of `event_count` is the published number; a number that is 0 gives the header alone. Times are UTC. CSV has every
microsecond; Excel cannot hold them, so XLSX times are cut to milliseconds, and before 1900 they are ISO text.

The file appears whole or not at all, and only its owner can read it. Reading keeps a build from writing: where there
is a published copy, name it with --database, a file or postgresql://user@host/database.
Exit codes: 0 done, 1 failed, 2 wrong use.
"""

import csv
import hashlib
import heapq
import io
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NamedTuple, Protocol

import click
import duckdb
import xlsxwriter  # type: ignore[import-untyped]
from messages import printable, quote, reason, run_command
from postgres import connect, driver
from project import PROJECT
from rich.console import Console
from rich.progress import Progress
from xlsxwriter.exceptions import FileSizeError, XlsxFileError  # type: ignore[import-untyped]

KEY_VARIABLE = "JOURNEY_EXPORT_KEY"
HEADER = ("user_id", "event_count", "first_at", "last_at")
JOURNEY_METRICS = ("messages_sent", "total_entries", "converted_users", "conversion_events", "total_exits")
CHANNEL_METRICS = (
    *("entry_count", "sent_count", "failed_count", "shown_count", "clicked_count"),
    *("android_sent_count", "android_failed_count", "android_clicked_count"),
    *("ios_sent_count", "ios_failed_count", "ios_clicked_count"),
    *("other_platform_sent_count", "other_platform_failed_count", "other_platform_clicked_count"),
)
FLOW_METRICS = ("dropped_off_count", "waiting_count")
STEP_METRICS = (*CHANNEL_METRICS, *FLOW_METRICS, "outcome_count")
# A step without a row in the flow saw no visit: nobody dropped off there and nobody waits.
FLOW = """(
    select journey_id, step_id,
        coalesce(dropped_off_count, 0) as dropped_off_count, coalesce(waiting_count, 0) as waiting_count
    from marts.journey_step_channel_metrics left join marts.journey_step_flow using (journey_id, step_id)
) as flow"""
SHEET_USERS = 1_048_575  # the lines of an Excel sheet, less the header
CELL_UNITS = 32_767  # what an Excel cell holds, in UTF-16 units
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class UserList(NamedTuple):
    """The name of one published number, and of the list of users behind it."""

    journey_id: str
    step_id: str | None
    metric: str
    outcome: str | None


class Marts(Protocol):
    """An open database with the schema marts: a connection of DuckDB, or what answers like one."""

    def execute(self, query: str, parameters: Any = None) -> Any:
        """Run a statement with a ? for each parameter."""


Catalog = dict[UserList, int]
Database = Path | str  # a file of DuckDB, or the address of a PostgreSQL: postgresql://...
UserRow = tuple[str, int, datetime | str, datetime | str]  # DuckDB gives text for a time outside the years 1 to 9999


def read_catalog(connection: Marts) -> Catalog:
    """Read every published number that has a user list. A null means that a step has no such metric: no list either."""
    catalog: Catalog = {}
    for names, metrics, table in (
        ("journey_id, null, null", JOURNEY_METRICS, "marts.journey_overview"),
        ("journey_id, step_id, null", CHANNEL_METRICS, "marts.journey_step_channel_metrics"),
        ("journey_id, step_id, null", FLOW_METRICS, FLOW),
        ("journey_id, step_id, outcome", ("outcome_count",), "marts.journey_step_outcomes"),
    ):
        rows = connection.execute(f"select {names}, {', '.join(metrics)} from {table}").fetchall()
        for journey_id, step_id, outcome, *counts in rows:
            numbers = zip(metrics, counts, strict=True)
            catalog |= {UserList(journey_id, step_id, m, outcome): count for m, count in numbers if count is not None}
    return catalog


def read_user_counts(connection: Marts) -> Catalog:
    """Count the users of every list that has any."""
    names = "journey_id, step_id, metric, outcome"
    sql = f"select {names}, count(*) from marts.journey_metric_users group by {names}"
    return {UserList(*name): count for *name, count in connection.execute(sql).fetchall()}


# A user's id as it is written, plain and with a key. PostgreSQL has to be told to sort by code point, as DuckDB does.
DUCKDB_IDS = ("user_id", "sha256(?::blob || unhex(sha256(?::blob || encode(user_id))))")
POSTGRES_IDS = (
    'user_id collate "C"',
    """encode(sha256(?::bytea || sha256(?::bytea || convert_to(user_id, 'UTF8'))), 'hex') collate "C\"""",
)


class PostgresMarts:
    """A connection to PostgreSQL that answers as DuckDB's does, and leaves on the server what is not read yet."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.numbers = count()

    def execute(self, query: str, parameters: Any = None) -> Any:
        cursor = self.connection.cursor(name=f"export_users_{next(self.numbers)}", scrollable=False)
        return cursor.execute(query.replace("?", "%s"), parameters)


def read_users(connection: Marts, wanted: UserList, key: bytes | None) -> tuple[int, Iterator[UserRow]]:
    """Find the users of one list: how many there are, and a stream of them ordered by the id it gives.

    With a `key` that id is the HMAC-SHA-256 (RFC 2104) of the user's, worked out by what sorts by it: the database.
    """
    plain_id, keyed_id = POSTGRES_IDS if isinstance(connection, PostgresMarts) else DUCKDB_IDS
    written_id, pads = plain_id, []
    if key is not None:
        written_id = keyed_id
        block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        pads = [bytes(byte ^ pad for byte in block) for pad in (0x5C, 0x36)]
    found = """
        from marts.journey_metric_users
        where journey_id = ? and step_id is not distinct from ? and metric = ? and outcome is not distinct from ?
    """
    [(total,)] = connection.execute(f"select count(*) {found}", wanted).fetchall()

    def stream() -> Iterator[UserRow]:
        sql = f"select {written_id} as written_id, event_count, first_at, last_at {found} order by written_id"
        cursor = connection.execute(sql, [*pads, *wanted])
        while rows := cursor.fetchmany(10_000):
            yield from rows

    return total, stream()


@contextmanager
def open_postgres_marts(address: str) -> Iterator[Marts]:
    """Open a PostgreSQL for reading and nothing else, in one transaction: no publishing comes between."""
    psycopg = driver()

    with connect(address) as connection:
        connection.read_only = True
        try:
            yield PostgresMarts(connection)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise click.UsageError(f"That database has no marts to export: {reason(error)}.") from error
        except psycopg.Error as error:
            raise click.ClickException(f"Cannot read the database: {reason(error)}.") from error


def is_address(database: str) -> bool:
    return database.startswith(("postgresql://", "postgres://"))


@contextmanager
def open_marts(database: Database, spill: Path | None = None) -> Iterator[Marts]:
    """Open the database for reading and nothing else; `spill` is where a large sort may put what memory cannot hold."""
    if isinstance(database, str):
        with open_postgres_marts(database) as marts:
            yield marts
        return
    name = quote(database)
    if not os.path.isfile(database):  # unlike Path.is_file it does not raise where one may not look
        raise click.UsageError(f"There is no database {name}: run `dbt build`, or name one with --database.")
    config: dict[str, Any] = {
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "memory_limit": "1GB",
        "temp_directory": str(spill or ""),
    }
    try:
        connection = duckdb.connect(str(database.absolute()), read_only=True, config=config)
    except (duckdb.Error, UnicodeError) as error:
        why = reason(error)
        if "Could not set lock" in why:
            why = "a build is writing it, so wait for its end or name the published copy with --database"
        raise click.UsageError(f"Cannot open the database {name}: {why}.") from error
    with connection:
        # Not in `config`, which DuckDB applies in no particular order: once closed it refuses a `temp_directory`.
        connection.execute("set enable_external_access = false; set lock_configuration = true")
        try:
            yield connection
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise click.UsageError(f"{name} has no marts to export, run `dbt build`: {reason(error)}.") from error
        except duckdb.Error as error:
            raise click.ClickException(f"Cannot read the database {name}: {reason(error)}.") from error


def explain_missing(wanted: UserList, catalog: Catalog) -> str | None:
    """Say in one sentence why there is no such list, with the nearest names there are; None when there is one."""
    journey_id, step_id, metric, outcome = wanted
    in_journey = [name for name in catalog if name.journey_id == journey_id]
    in_place = [name for name in in_journey if name.step_id == step_id]
    steps = [name.step_id for name in in_journey if name.step_id is not None]
    outcomes = [name.outcome for name in in_place if name.outcome is not None]
    journeys = [name.journey_id for name in catalog]
    place = f"Journey {quote(journey_id)}" if step_id is None else f"Step {quote(step_id)} of {quote(journey_id)}"

    if wanted in catalog:
        return None
    if not in_journey:
        return f"There is no journey {quote(journey_id)} (nearest: {nearest(journey_id, journeys)})."
    if metric not in JOURNEY_METRICS + STEP_METRICS:
        return f"There is no metric {quote(metric)} (nearest: {nearest(metric, JOURNEY_METRICS + STEP_METRICS)})."
    if metric != "outcome_count" and outcome is not None:
        return f"--outcome goes with the metric 'outcome_count' only: leave it out for {quote(metric)}."
    if metric in STEP_METRICS and step_id is None:
        return f"The metric {quote(metric)} needs --step (steps there: {nearest('', steps)})."
    if metric in JOURNEY_METRICS and step_id is not None:
        near = nearest(metric, STEP_METRICS)
        return f"{quote(metric)} counts a whole journey: leave out --step (nearest of the step metrics: {near})."
    if step_id is not None and not in_place:
        return f"Journey {quote(journey_id)} has no step {quote(step_id)} (nearest: {nearest(step_id, steps)})."
    if metric not in [name.metric for name in in_place]:
        return f"{place} has no {quote(metric)} (nearest: {nearest(metric, [name.metric for name in in_place])})."
    if outcome is None:
        return f"The metric 'outcome_count' needs --outcome (outcomes there: {nearest('', outcomes)})."
    return f"{place} has no outcome {quote(outcome)} (nearest: {nearest(outcome, outcomes)})."


def nearest(name: str, known: Iterable[str]) -> str:
    """List the five known names most like `name`, best first."""
    likeness = SequenceMatcher(None, b=name.casefold())

    def alike(other: str) -> float:
        likeness.set_seq1(other.casefold())
        return likeness.ratio()

    return ", ".join(map(quote, heapq.nlargest(5, sorted(set(known)), key=alike))) or "none"


def only_named(names: tuple[str | None, ...], catalog: Catalog) -> Catalog:
    """Leave out what has another name; None is any. Raises click.UsageError when nothing is left of what is named."""
    left = {
        known: number
        for known, number in catalog.items()
        if all(name in (None, own) for name, own in zip(names, known, strict=True))
    }
    if any(name is not None for name in names) and not left:
        raise click.UsageError("There is no number of this name: see all that there are with --list alone.")
    return left


def format_catalog(catalog: Catalog, user_counts: Catalog) -> str:
    """Lay the published numbers out as a table, with the number of users in each list."""
    lines = [["journey", "step", "metric", "outcome", "event_count", "user_count"]]
    for name in sorted(catalog, key=lambda name: (name.journey_id, name.step_id or "", name.outcome or "")):
        lines.append([*(printable(cell or "") for cell in name), str(catalog[name]), str(user_counts.get(name, 0))])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def write_csv(users: Iterable[UserRow], file: BinaryIO, raw: bool = False) -> None:
    """Write RFC 4180 in UTF-8. Unless `raw`, an id that a spreadsheet would run as a formula gets a leading `'`."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for user_id, event_count, first_at, last_at in users:
        safe_id = f"'{user_id}" if user_id.startswith(FORMULA_STARTS) and not raw else user_id
        writer.writerow((safe_id, event_count, iso_time(first_at), iso_time(last_at)))
    text.detach()


def write_xlsx(users: Iterable[UserRow], file: BinaryIO, folder: Path, sheet_users: int = SHEET_USERS) -> None:
    """Write a workbook with `sheet_users` users a sheet; a line is in memory, the others wait in `folder`."""
    workbook = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": str(folder)})
    text_format = workbook.add_format({"num_format": "@"})
    time_format = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
    sheet, line = add_sheet(workbook), 0
    for user_id, event_count, *moments in users:
        if line == sheet_users:
            sheet, line = add_sheet(workbook), 0
        line += 1
        write_text(sheet, line, 0, user_id, text_format)
        sheet.write_number(line, 1, event_count)
        for column, moment in enumerate(moments, start=2):
            if isinstance(moment, datetime) and moment.year >= 1900:
                sheet.write_number(line, column, excel_time(moment), time_format)
            else:
                write_text(sheet, line, column, iso_time(moment), text_format)
    try:
        workbook.close()
    except FileSizeError as error:
        raise click.ClickException("The list does not fit into an XLSX file (4 GB): use --format csv.") from error


def add_sheet(workbook: Any) -> Any:
    sheet = workbook.add_worksheet()
    # In constant memory XlsxWriter lets any text of the form <r>...</r> into the file as finished XML. None of ours is.
    sheet._xml_rich_inline_string = lambda text, attributes: sheet._xml_inline_string(text, False, attributes)
    sheet.set_column(0, 3, 24)
    sheet.freeze_panes(1, 0)
    sheet.ignore_errors({"number_stored_as_text": "A:A"})
    for column, title in enumerate(HEADER):
        sheet.write_string(0, column, title)
    return sheet


def write_text(sheet: Any, line: int, column: int, text: str, text_format: Any) -> None:
    """Write a text as it is: never a formula, a link or a number, and never cut, because a cut id is another user's."""
    if len(text.encode("utf-16-le")) // 2 > CELL_UNITS:
        raise click.UsageError(f"The id {quote(text[:20] + '...')} is too long for an Excel cell: use --format csv.")
    sheet.write_string(line, column, text, text_format)


def excel_time(moment: datetime) -> float:
    """Count days as Excel does, with its 29 February 1900. Cut to milliseconds: rounding could reach the next day."""
    milliseconds = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    days = (milliseconds - datetime(1899, 12, 31)) / timedelta(days=1)
    return days if days < 60 else days + 1


def iso_time(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else moment.isoformat(timespec="microseconds") + "Z"


def check_output(output: Path, database: Database, force: bool) -> None:
    """Refuse a name that must not be written, before any work is done."""
    try:
        mode = output.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise click.UsageError(f"Cannot write {quote(output)}: {reason(error)}.") from error
    if not stat.S_ISREG(mode):
        raise click.UsageError(f"{quote(output)} is a folder, a link or a device: name a plain file.")
    if os.path.isfile(database) and output.samefile(database):
        raise click.UsageError(f"{quote(output)} is the database itself: name another file.")
    if not force:
        raise click.UsageError(f"{quote(output)} exists already: name another file, or replace it with --force.")


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Make a folder only its owner can read for all that is unfinished: the file, its parts, what a sort spills."""
    try:
        folder = tempfile.mkdtemp(prefix=".export_users_", dir=parent)
    except OSError as error:
        raise click.UsageError(f"Cannot write into the folder {quote(parent)}: {reason(error)}.") from error

    def remove() -> None:
        for _ in range(100):  # a sort that is being stopped may still put files there
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.lexists(folder):
                break

    def stop(number: int, frame: FrameType | None) -> None:
        # Not by an exception: it would have to pass through DuckDB, which loses some of them.
        remove()
        Console(stderr=True).show_cursor()  # a progress bar hides it
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else stop)  # ignored as under nohup
        yield Path(folder)
    finally:
        remove()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def publish(finished: Path, output: Path, force: bool) -> None:
    """Give the finished file its name in one step. Without `force`, a file that has appeared meanwhile stays."""
    if force:
        os.replace(finished, output)
        return
    try:
        os.link(finished, output)
    except FileExistsError as error:
        raise click.UsageError(f"{quote(output)} has appeared meanwhile: replace it with --force.") from error
    except OSError as error:  # a file system without hard links, the one way to name a file without replacing another
        raise click.ClickException(f"Only --force can write {quote(output)} there: {reason(error)}.") from error


def export(
    database: Database, wanted: UserList, file_format: str, output: Path, force: bool, raw: bool, key: bytes | None
) -> int:
    """Write one user list to a file and say how many users it has."""
    check_output(output, database, force)
    with private_folder(output.parent) as folder, open_marts(database, folder / "spill") as connection:
        if problem := explain_missing(wanted, read_catalog(connection)):
            raise click.UsageError(problem)
        total, users = read_users(connection, wanted, key)
        console = Console(stderr=True)
        progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        try:
            with (folder / "finished").open("xb") as file, progress:
                tracked = progress.track(users, total=total, description="Writing users")
                if file_format == "csv":
                    write_csv(tracked, file, raw)
                else:
                    write_xlsx(tracked, file, folder)
                os.fchmod(file.fileno(), 0o600)
                file.flush()
                os.fsync(file.fileno())
            publish(folder / "finished", output, force)
        except (OSError, XlsxFileError) as error:
            raise click.ClickException(f"Cannot write {quote(output)}: {reason(error)}.") from error
    return total


@click.command(help=__doc__)
@click.option("--list", "show_list", is_flag=True, help="Show every number with its counts, or those that are named.")
@click.option("--journey", help="Journey id.")
@click.option("--metric", help="Name of the number, such as converted_users or clicked_count.")
@click.option("--step", help="Step id, for a metric of steps.")
@click.option("--outcome", help="Outcome, for the metric outcome_count; a missing one is '(none)'.")
@click.option("--format", "file_format", type=click.Choice(["csv", "xlsx"]))
@click.option("--output", type=click.Path(path_type=Path), help="File to write.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--raw", is_flag=True, help="CSV for machines: no ' before ids that start with = + - @ tab or CR.")
@click.option("--pseudonymize", is_flag=True, help=f"Write HMAC-SHA-256 of each id, with the key in {KEY_VARIABLE}.")
@click.option(
    "--database",
    callback=lambda context, option, value: value if is_address(value) else Path(value),
    envvar="JOURNEY_DUCKDB_PATH",
    default=str(PROJECT / "journey_analytics.duckdb"),
    help="DuckDB file with the marts, or postgresql://user@host/database; default: JOURNEY_DUCKDB_PATH, else"
    " journey_analytics.duckdb of the project.",
)
def export_users(
    show_list: bool,
    journey: str | None,
    metric: str | None,
    step: str | None,
    outcome: str | None,
    file_format: str | None,
    output: Path | None,
    force: bool,
    raw: bool,
    pseudonymize: bool,
    database: Database,
) -> None:
    if show_list:
        with open_marts(database) as connection:
            catalog = only_named((journey, step, metric, outcome), read_catalog(connection))
            shown = format_catalog(catalog, read_user_counts(connection))
        try:
            click.echo(shown)
        except OSError as error:
            raise click.ClickException(f"Cannot print: {reason(error)}.") from error
        return
    if journey is None or metric is None or file_format is None or output is None:
        raise click.UsageError("Name --journey, --metric, --format and --output, or see what there is with --list.")
    key = os.fsencode(os.environ.get(KEY_VARIABLE, "")) if pseudonymize else None
    if key == b"":
        raise click.UsageError(f"--pseudonymize needs a secret key in the environment variable {KEY_VARIABLE}.")
    total = export(database, UserList(journey, step, metric, outcome), file_format, output, force, raw, key)
    with suppress(OSError):  # the file is written, whether or not it can be said
        click.echo(f"Wrote {total} users to {quote(output)}.", err=True)


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know every letter of an id
    run_command(export_users)
