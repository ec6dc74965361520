"""Bring a folder of raw Parquet files into the tables of a server or a cluster, each file once.

\b
    export JOURNEY_RAW_PATH=/data/raw
    python scripts/load_raw.py --target postgres
    JOURNEY_RAW_PATH=/data/raw dbt build --target postgres

or both with --target spark, whose executors must see the folder under the same name.

The folder is the one that DuckDB reads in place: a folder for each raw table, Parquet files at any depth below it.
Columns are matched by name; a missing optional column is null, a further column is left out. A new load is one more
file. Tables and the ledger of loaded files (raw.loaded_files) are made when they are not there.

A file is loaded whole or not at all, and its line in the ledger says so, so a load that fails or is killed is simply
started again. A file whose content has changed since it was loaded is an error: raw rows are only ever added.

Exit codes: 0 loaded, 1 a file cannot be loaded, 2 wrong use or environment, 3 another load is at work.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click
import duckdb
import yaml  # type: ignore[import-untyped]
from messages import quote, reason, run_command
from postgres import connect, driver
from project import PROJECT
from published_files import Locked, lock
from rich.console import Console
from rich.progress import Progress

SOURCES = PROJECT / "models/staging/journeys/_sources.yml"
LEDGER = "raw.loaded_files"
# The lock of the session that loads: it ends with its holder.
LOCK_KEY = "journey_analytics load_raw"

Columns = Mapping[str, str]


@dataclass(frozen=True)
class RawFile:
    """A Parquet file as it was found; `name` is its path below the folder of its table."""

    table: str
    name: str
    path: Path
    size: int
    modified_at: datetime


class Loaded(NamedTuple):
    """What the ledger says of a file."""

    size: int
    modified_at: datetime
    content_hash: str


Ledger = dict[tuple[str, str], Loaded]


class Warehouse(Protocol):
    """Where raw rows go."""

    def read_ledger(self) -> Ledger:
        """Read the ledger; the key is table and name of the file."""

    def load(self, file: RawFile, columns: Columns, content_hash: str) -> int:
        """Add the rows of a file and its line in the ledger; give the number of rows.

        Raises click.ClickException for a file that cannot be loaded.
        """


# What is common to all targets


def read_columns() -> dict[str, Columns]:
    """Read the columns of each raw table, with the types that DuckDB reads them as, from where they are documented."""
    [source] = yaml.safe_load(SOURCES.read_text())["sources"]
    return {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
        for table in source["tables"]
    }


def find_files(raw_path: Path, tables: Mapping[str, Columns]) -> list[RawFile]:
    """List the Parquet files of each table, definitions first, in the order of their names."""
    if not raw_path.is_dir():
        raise click.UsageError(f"There is no folder {quote(raw_path)}: name one with --raw-path or JOURNEY_RAW_PATH.")
    files = []
    for table in tables:
        folder = raw_path / table
        for path in sorted(folder.rglob("*.parquet")):
            state = path.stat()
            modified_at = datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC).replace(tzinfo=None)
            modified_at = modified_at.replace(microsecond=state.st_mtime_ns // 1000 % 10**6)
            files.append(RawFile(table, str(path.relative_to(folder)), path, state.st_size, modified_at))
    return files


def hash_content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_new(files: list[RawFile], ledger: Ledger) -> list[RawFile]:
    """List the files that the ledger does not have.

    A file of the same size and time of change is taken as it is; where the time differs, the content decides.
    Raises click.ClickException for a loaded file that has changed.
    """
    new = []
    for file in files:
        loaded = ledger.get((file.table, file.name))
        if loaded is None:
            new.append(file)
            continue
        is_same_size = file.size == loaded.size
        is_untouched = is_same_size and file.modified_at == loaded.modified_at
        if not is_untouched and not (is_same_size and hash_content(file.path) == loaded.content_hash):
            raise click.ClickException(
                f"{quote(file.path)} has changed since it was loaded: raw rows are only ever added, "
                "so restore it and deliver what is new in a file of its own."
            )
    return new


@contextmanager
def read_rows(file: RawFile, columns: Columns) -> Iterator[duckdb.DuckDBPyRelation]:
    """Read a file as the view of DuckDB's raw table does: the documented columns in their documented types.

    Rows are streamed from the relation. Raises duckdb.Error for a file that cannot be read.
    """
    with duckdb.connect(config={"memory_limit": "1GB", "autoinstall_known_extensions": False}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.read_parquet(str(file.path).translate(PLAIN_IN_PATTERN), hive_partitioning=False)
        delivered = {name.lower(): (name, str(kind)) for name, kind in zip(rows.columns, rows.types, strict=True)}
        selected = []
        for name, data_type in columns.items():
            column, delivered_type = delivered.get(name, ("", ""))
            value = '"' + column.replace('"', '""') + '"' if column else "null"
            # A load time that cannot be read is a missing one, and its row is rejected; anything else stops the load.
            cast = "try_cast" if name == "loaded_at" else "cast"
            if name == "loaded_at" and delivered_type == "VARCHAR":
                value = f"make_timestamp(epoch_us(try_cast({value} as timestamptz)))"  # with its offset
            selected.append(f"{cast}({value} as {data_type}) as {name}")
        yield rows.project(", ".join(selected))


# A file name is a pattern to DuckDB: brackets and wildcards in it stand for themselves.
PLAIN_IN_PATTERN = {ord(sign): f"[{sign}]" for sign in "[*?"}


def cannot_load(file: RawFile, error: Exception) -> click.ClickException:
    return click.ClickException(f"Cannot load {quote(file.path)}: {reason(error)}.")


# PostgreSQL


class PostgresWarehouse:
    """Raw tables in the schema `raw` of a PostgreSQL database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def prepare(self, tables: Mapping[str, Columns]) -> None:
        """Make the tables and the ledger, unless others made raw tables there."""
        with self.connection.transaction():
            [(has_ledger, present)] = self.connection.execute(
                "select to_regclass(%s) is not null, array("
                " select table_name::text from information_schema.tables"
                " where table_schema = 'raw' and table_name = any(%s) order by 1)",
                [LEDGER, list(tables)],
            ).fetchall()
            if present and not has_ledger:
                raise click.UsageError(
                    f"Schema raw holds tables that were not loaded from files ({', '.join(present)}): "
                    "if they are the sample, drop them with `drop schema raw cascade`."
                )
            self.connection.execute("create schema if not exists raw")
            for table, columns in tables.items():
                # The order of texts is that of their code points, as on the other engines.
                types = {"varchar": 'text collate "C"', "double": "double precision"}
                listed = ", ".join(f"{name} {types.get(kind, kind)}" for name, kind in columns.items())
                self.connection.execute(f"create table if not exists raw.{table} ({listed})")
            self.connection.execute(
                f"create table if not exists {LEDGER} (table_name text, file_name text, size bigint,"
                " modified_at timestamp, content_hash text, row_count bigint, loaded_at timestamp,"
                " primary key (table_name, file_name))"
            )

    def read_ledger(self) -> Ledger:
        rows = self.connection.execute(
            f"select table_name, file_name, size, modified_at, content_hash from {LEDGER}"
        ).fetchall()
        return {(table, name): Loaded(*more) for table, name, *more in rows}

    def load(self, file: RawFile, columns: Columns, content_hash: str) -> int:
        psycopg = driver()

        try:
            with self.connection.transaction():
                row_count = self.copy_rows(file, columns)
                self.connection.execute(
                    f"insert into {LEDGER} values (%s, %s, %s, %s, %s, %s, now() at time zone 'UTC')",
                    [file.table, file.name, file.size, file.modified_at, content_hash, row_count],
                )
        except (duckdb.Error, psycopg.DataError) as error:
            raise cannot_load(file, error) from error
        return row_count

    def copy_rows(self, file: RawFile, columns: Columns) -> int:
        row_count = 0
        with (
            read_rows(file, columns) as rows,
            self.connection.cursor() as cursor,
            cursor.copy(f"copy raw.{file.table} from stdin (format csv)") as copy,
        ):
            lines = rows.project(csv_line(columns))
            while batch := lines.fetchmany(10_000):
                row_count += len(batch)
                copy.write("".join(f"{line}\n" for (line,) in batch))
        return row_count


def csv_line(columns: Columns) -> str:
    """A row as a line of CSV, written by DuckDB because that is fast; an unquoted nothing is null.

    PostgreSQL cannot hold the character 0 in a text, so it becomes U+FFFD, which stands for what cannot be shown.
    """
    cells = []
    for name, data_type in columns.items():
        cell = f"{name}::varchar"
        if data_type == "varchar":
            cell = f"""'"' || replace(replace({name}, chr(0), chr(65533)), '"', '""') || '"'"""
        cells.append(f"coalesce({cell}, '')")
    return " || ',' || ".join(cells)


@contextmanager
def open_postgres(tables: Mapping[str, Columns]) -> Iterator[Warehouse]:
    """Connect, keep other loads out, and make what is missing."""
    psycopg = driver()

    with connect(autocommit=True) as connection:
        [(is_free,)] = connection.execute("select pg_try_advisory_lock(hashtext(%s))", [LOCK_KEY]).fetchall()
        if not is_free:
            raise Locked("Another load is at work in this database.")
        warehouse = PostgresWarehouse(connection)
        try:
            warehouse.prepare(tables)
            yield warehouse
            connection.execute(f"analyze {', '.join(f'raw.{table}' for table in tables)}")
        except psycopg.Error as error:
            raise click.UsageError(f"PostgreSQL refuses: {reason(error)}.") from error


# Spark


class SparkWarehouse:
    """Raw tables as Iceberg tables in the schema `raw`, written by a Spark session.

    A cluster has no transaction over two tables, so a file gets its line in the ledger first, and in one append after
    that its rows, which carry its name. Files are loaded one after the other, so only the last line can be without its
    rows, and then the next load drops it.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    def prepare(self, tables: Mapping[str, Columns]) -> None:
        """Make the tables and the ledger, unless others made raw tables there; drop the line of a load that died."""
        self.session.sql("create schema if not exists raw")
        shown = self.session.sql("show tables in raw").collect()
        present = {row.tableName for row in shown if not row.isTemporary}
        present_tables = sorted(present & tables.keys())
        if present_tables and "loaded_files" not in present:
            raise click.UsageError(
                f"Schema raw holds tables that were not loaded from files ({', '.join(present_tables)}): "
                "if they are the sample, drop them."
            )
        self.session.sql(
            f"create table if not exists {LEDGER} (table_name string, file_name string, size bigint,"
            " modified_at timestamp, content_hash string, row_count bigint, loaded_at timestamp) using iceberg"
        )
        for table, columns in tables.items():
            listed = ", ".join(f"{name} {SPARK_TYPES.get(kind, kind)}" for name, kind in columns.items())
            self.session.sql(f"create table if not exists raw.{table} ({listed}, loaded_file string) using iceberg")
            newest = f"select * from {LEDGER} where table_name = '{table}' order by loaded_at desc limit 1"
            for line in self.session.sql(newest).collect():
                if line.row_count and self.session.table(f"raw.{table}").where(is_of(line.file_name)).isEmpty():
                    self.forget(table, line.file_name)

    def read_ledger(self) -> Ledger:
        # As text, because a moment comes from Spark in the time zone of this machine.
        columns = ("table_name", "file_name", "size", "cast(modified_at as string)", "content_hash")
        lines = self.session.table(LEDGER).selectExpr(*columns).collect()
        return {(table, name): Loaded(size, datetime.fromisoformat(at), text) for table, name, size, at, text in lines}

    def load(self, file: RawFile, columns: Columns, content_hash: str) -> int:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        try:
            rows = self.read_file(file, columns)
            row_count: int = rows.count()
            self.session.sql(
                f"insert into {LEDGER}"
                " values (:table, :name, :size, cast(:modified_at as timestamp), :content_hash, :row_count, now())",
                {"table": file.table, "name": file.name, "size": file.size, "modified_at": str(file.modified_at)}
                | {"content_hash": content_hash, "row_count": row_count},
            )
            rows.writeTo(f"raw.{file.table}").append()
        except (PySparkException, Py4JJavaError) as error:
            self.forget(file.table, file.name)
            raise cannot_load(file, ValueError(find_cause(str(error)))) from error
        return row_count

    def read_file(self, file: RawFile, columns: Columns) -> Any:
        """Give the documented columns in their documented types, as the view of DuckDB's raw table does."""
        from pyspark.sql.functions import lit

        rows = self.session.read.parquet("file://" + str(file.path.absolute()).translate(PLAIN_IN_PATH))
        delivered = {name.lower(): (name, kind) for name, kind in rows.dtypes}
        selected = []
        for name, kind in columns.items():
            column, delivered_kind = delivered.get(name, ("", ""))
            cast = "try_cast" if name == "loaded_at" else "cast"
            value = "`" + column.replace("`", "``") + "`" if column else "null"
            value = f"{cast}({value} as {SPARK_TYPES.get(kind, kind)})"
            if (kind, delivered_kind) == ("varchar", "timestamp"):
                value += " || '+00'"  # as DuckDB writes a moment that is delivered with a time zone
            selected.append(f"{value} as {name}")
        return rows.selectExpr(*selected).withColumn("loaded_file", lit(file.name))

    def forget(self, table: str, file_name: str) -> None:
        self.session.sql(
            f"delete from {LEDGER} where table_name = :table and file_name = :name", {"table": table, "name": file_name}
        )


SPARK_TYPES = {"varchar": "string"}
# A path is a pattern to Spark, too.
PLAIN_IN_PATH = {ord(sign): "\\" + sign for sign in "\\[]{}*?"}


def find_cause(error: str) -> str:
    """Take the first sentence that says something out of what Spark says: it follows a name in brackets, or a class."""
    causes = re.findall(r"\[[A-Z_.]+\] (.+)|Caused by: [\w.$]+: (.+)", error)
    return next((" ".join(cause).strip().partition(". ")[0] for cause in causes), error)


def is_of(file_name: str) -> Any:
    from pyspark.sql.functions import col

    return col("loaded_file") == file_name


@contextmanager
def open_spark(tables: Mapping[str, Columns]) -> Iterator[Warehouse]:
    """Start the session of Spark's configuration, keep other loads on this machine out, and make what is missing."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise click.UsageError("Spark is not installed: run `make install-spark`.") from error
    with lock(Path(tempfile.gettempdir()) / LOCK_KEY.replace(" ", "_")):
        builder = SparkSession.builder.enableHiveSupport().config("spark.sql.session.timeZone", "UTC")
        warehouse = SparkWarehouse(builder.config("spark.sql.ansi.enabled", "true").getOrCreate())
        try:
            warehouse.prepare(tables)
            yield warehouse
        except PySparkException as error:
            raise click.UsageError(f"Spark refuses: {reason(error)}.") from error


OPEN: dict[str, Any] = {"postgres": open_postgres, "spark": open_spark}


# The command


def load_new(
    warehouse: Warehouse, files: list[RawFile], tables: Mapping[str, Columns], progress: Progress
) -> dict[str, int]:
    """Load every new file and give the new rows of each table."""
    loaded_rows = dict.fromkeys(tables, 0)
    new = find_new(files, warehouse.read_ledger())
    for file in progress.track(new, description="Loading"):
        loaded_rows[file.table] += warehouse.load(file, tables[file.table], hash_content(file.path))
    return loaded_rows


@click.command(help=__doc__)
@click.option("--target", type=click.Choice(list(OPEN)), required=True, help="Where the rows go.")
@click.option(
    "--raw-path",
    type=click.Path(path_type=Path),
    envvar="JOURNEY_RAW_PATH",
    help="Folder of Parquet files; default: JOURNEY_RAW_PATH.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON on stdout.")
def load_raw(target: str, raw_path: Path | None, as_json: bool) -> None:
    if raw_path is None:
        raise click.UsageError("Name the folder of raw files with --raw-path or JOURNEY_RAW_PATH.")
    tables = read_columns()
    files = find_files(raw_path, tables)
    console = Console(stderr=True, markup=False, highlight=False)
    opened: AbstractContextManager[Warehouse] = OPEN[target](tables)
    with opened as warehouse, Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        loaded_rows = load_new(warehouse, files, tables, progress)
    for table, rows in loaded_rows.items():
        console.print(f"raw.{table}: +{rows:,}", soft_wrap=True)
    if as_json:
        click.echo(json.dumps({"status": "loaded", "exit_code": 0, "loaded_rows": loaded_rows}))


if __name__ == "__main__":
    run_command(load_raw)
