"""The same models on Spark with Iceberg tables: what they publish equals DuckDB's tables and the reference.

The sample is built by a server with executors of its own, which dbt asks over thrift. All else is played in one session
in this process.
"""

import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
from conftest import PROJECT, Dbt, DbtError
from rich.progress import Progress
from spark_session import LOOPBACK, SMALL, Session, behind_https, configure, running_server
from test_macros import AWKWARD, write
from test_worlds import BUILD, WORLDS, Warehouse, differences_from_reference
from worlds import make_world, split_into_batches

sys.path.insert(0, str(PROJECT / "scripts"))
import load_raw

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session that every test leaves without raw rows. The zone of the machine is not UTC."""
    folder = tmp_path_factory.mktemp("spark")
    environment = dict(os.environ)
    for name in [name for name in environment if name.startswith(("DBT_", "JOURNEY_", "SPARK_", "PYSPARK_"))]:
        del os.environ[name]
    os.environ |= {"SPARK_CONF_DIR": str(configure(folder, **SMALL)), **LOOPBACK}
    session = Session(folder)
    yield session
    session.spark.stop()
    os.environ.clear()
    os.environ |= environment


def assert_equal_to_duckdb(connection: Any, database: Path) -> None:
    """Every value of every published table, doubles to the last bit."""
    with duckdb.connect(str(database), read_only=True) as expected:
        tables = "select table_name from information_schema.tables where table_schema = 'marts'"
        for (table,) in expected.execute(tables).fetchall():
            wanted, found = (one.execute(f"select * from marts.{table}") for one in (expected, connection))
            assert [column[0] for column in found.description] == [column[0] for column in wanted.description]
            found_rows, wanted_rows = Counter(found.fetchall()), Counter(wanted.fetchall())
            assert found_rows == wanted_rows, (table, found_rows - wanted_rows, wanted_rows - found_rows)


# The sample


class ServerConnection:
    """Asks the server as a BI tool does."""

    def __init__(self, port: int) -> None:
        from pyhive import hive

        self.cursor = hive.connect("127.0.0.1", port, configuration={"spark.sql.session.timeZone": "UTC"}).cursor()

    def execute(self, sql: str) -> "ServerConnection":
        self.cursor.execute(sql)
        return self

    @property
    def description(self) -> list[tuple[str]]:
        return [(name.rpartition(".")[2],) for name, *_ in self.cursor.description]

    def fetchall(self) -> list[tuple[Any, ...]]:
        # The driver gives a date as text.
        is_date = [kind == "DATE_TYPE" for _, kind, *_ in self.cursor.description]
        return [
            tuple(date.fromisoformat(value) if is_day else value for value, is_day in zip(row, is_date, strict=True))
            for row in self.cursor.fetchall()
        ]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_server_with_two_executors_gives_the_tables_of_duckdb_with_their_words(dbt: Dbt, tmp_path: Path) -> None:
    """Built at once; then one table of users in journeys again, with an increment of nothing."""
    database = tmp_path / "sample.duckdb"
    dbt(*BUILD, database=database)
    port = free_port()
    settings = {"JOURNEY_SPARK_METHOD": "thrift", "JOURNEY_SPARK_HOST": "127.0.0.1", "JOURNEY_SPARK_PORT": str(port)}
    dbt_spark = Dbt(tmp_path, target="spark", settings=settings)
    with running_server(tmp_path / "server", port):
        dbt_spark(*BUILD)
        connection = ServerConnection(port)
        assert_equal_to_duckdb(connection, database)
        dbt_spark(*BUILD, "--select", "int_journey_entries")
        entries = connection.execute("select count(*) from intermediate.int_journey_entries").fetchall()
        published = connection.execute("select sum(total_entries) from marts.journey_overview").fetchall()
        assert entries == published
        described = connection.execute("describe marts.journey_overview").fetchall()
        words = "Number of entries, re-entries of the same user included."
        assert ("total_entries", "bigint", words) in described
        processes = "select java_method('java.lang.ProcessHandle', 'current') from range(0, 8, 1, 8)"
        assert len(set(connection.execute(processes).fetchall())) == 2


@pytest.mark.long
def test_dbt_asks_a_server_behind_https(tmp_path: Path) -> None:
    """The method `http` wants the path that clusters of Databricks have."""
    port = free_port()
    server, certificate = behind_https(tmp_path / "keys", port, "sql/protocolv1/o/0/journeys")
    settings = {
        "JOURNEY_SPARK_METHOD": "http",
        "JOURNEY_SPARK_HOST": "127.0.0.1",
        "JOURNEY_SPARK_PORT": str(port),
        "JOURNEY_SPARK_TOKEN": "any",
        "JOURNEY_SPARK_CLUSTER": "journeys",
        "SSL_CERT_FILE": str(certificate),
    }
    dbt_spark = Dbt(tmp_path, target="spark", settings=settings)
    with running_server(tmp_path / "server", port, **server):
        dbt_spark(*BUILD, "--select", "+int_journeys")
        dbt_spark("test", "--select", "int_journeys", "--exclude-resource-type", "unit_test")


def test_the_sample_passes_every_data_test_every_table_of_cases_and_the_unit_tests_of_staging(session: Session) -> None:
    """Unit tests of what comes after staging say nothing that worlds do not. dbt cannot run them over thrift."""
    session.start_anew()
    others = [f"resource_type:unit_test,path:models/{layer}" for layer in ("intermediate", "marts")]
    session.dbt("build", "--full-refresh", "--exclude", *others)


# Loading raw files


def load(raw_path: Path) -> dict[str, int]:
    tables = load_raw.read_columns()
    with load_raw.open_spark(tables) as warehouse:
        return load_raw.load_new(warehouse, load_raw.find_files(raw_path, tables), tables, Progress(disable=True))


def event_ids(session: Session) -> list[str]:
    return [row[0] for row in session.execute("select event_id from raw.journey_events order by 1").fetchall()]


def write_events(raw_path: Path, name: str, *event_ids: str) -> Path:
    file = raw_path / "journey_events" / name
    listed = ", ".join(f"('{event_id}')" for event_id in event_ids)
    write(file, f"select event_id, timestamp '2026-01-31' as loaded_at from (values {listed}) as t (event_id)")
    return file


def test_raw_files_of_any_shape_are_loaded_as_duckdb_reads_them(session: Session, tmp_path: Path) -> None:
    session.start_anew()
    raw = tmp_path / AWKWARD
    write(
        raw / "journey_events" / AWKWARD / "loaded_on=2026-01-31" / "part.parquet",
        """
        select 'deep' as event_id, 'a "b",\\.' as user_id, '' as step_id, 'x' as unknown,
            timestamp '2026-01-31 10:20:30.5' as occurred_at, timestamp '2026-02-01' as loaded_at
        """,
    )
    write(raw / "journey_events" / "1.parquet", "select 1 as EVENT_ID, 'no time' as loaded_at")
    write(
        raw / "user_events" / "1.parquet",
        """
        select timestamptz '2026-01-31 10:20:30+02' as occurred_at, 5 as revenue,
            '2026-02-01T01:00:00+02:00' as loaded_at
        """,
    )
    assert load(raw) == {"journeys": 0, "journey_steps": 0, "journey_events": 2, "user_events": 1}
    events = "select event_id, user_id, step_id, occurred_at, loaded_at from raw.journey_events order by 1"
    (one, deep) = session.execute(events).fetchall()
    assert one == ("1", None, None, None, None)
    assert (*deep[:4], str(deep[4])) == ("deep", 'a "b",\\.', "", "2026-01-31 10:20:30.5", "2026-02-01 00:00:00")
    found = "select event_id, revenue, occurred_at, cast(loaded_at as string) from raw.user_events"
    users = session.execute(found).fetchall()
    assert users == [(None, 5.0, "2026-01-31 08:20:30+00", "2026-01-31 23:00:00")]


def test_each_file_is_loaded_once_whole_or_not_at_all(session: Session, tmp_path: Path) -> None:
    session.start_anew()
    first = write_events(tmp_path, "1.parquet", "a", "b")
    assert load(tmp_path)["journey_events"] == 2
    first.touch()
    write_events(tmp_path, "2.parquet", "c")
    assert load(tmp_path)["journey_events"] == 1

    # What a load leaves that is killed between the line of a file in the ledger and its rows.
    write_events(tmp_path, "3.parquet", "d")
    session.spark.sql("insert into raw.loaded_files values ('journey_events', '3.parquet', 1, now(), 'x', 1, now())")
    assert load(tmp_path)["journey_events"] == 1
    assert event_ids(session) == ["a", "b", "c", "d"]

    broken = tmp_path / "journeys" / "1.parquet"
    write(broken, "select 'j' as journey_id, 'soon' as attribution_window_minutes")
    with pytest.raises(click.ClickException, match=r"journeys/1\.parquet.*soon"):
        load(tmp_path)
    broken.write_bytes(b"no Parquet")
    with pytest.raises(click.ClickException, match=r"journeys/1\.parquet"):
        load(tmp_path)
    write(broken, "select 'j' as journey_id")
    assert load(tmp_path) == {"journeys": 1, "journey_steps": 0, "journey_events": 0, "user_events": 0}

    changed = write_events(tmp_path, "1.parquet", "e")
    with pytest.raises(click.ClickException, match=f"{changed}.*has changed"):
        load(tmp_path)


def test_the_sample_and_loaded_rows_do_not_take_the_place_of_each_other(session: Session, tmp_path: Path) -> None:
    session.start_anew()
    write_events(tmp_path, "1.parquet", "a")
    load(tmp_path)
    with pytest.raises(DbtError, match="JOURNEY_RAW_PATH"):
        session.dbt("seed", "--select", "journeys")
    assert event_ids(session) == ["a"]
    session.start_anew()
    session.dbt("seed", "--select", "journeys")
    with pytest.raises(click.UsageError, match="not loaded from files"):
        load(tmp_path)


def test_a_spark_that_runs_in_another_time_zone_is_refused(session: Session) -> None:
    zone = session.spark._jvm.java.util.TimeZone
    zone.setDefault(zone.getTimeZone("Asia/Kolkata"))
    try:
        with pytest.raises(DbtError, match="Asia/Kolkata"):
            session.dbt("run-operation", "prepare_raw_tables")
    finally:
        zone.setDefault(zone.getTimeZone("UTC"))


# Worlds


class SparkWarehouse(Warehouse):
    """A raw folder that is loaded into Spark before each run; its database file is DuckDB's, to compare with."""

    def __init__(self, dbt: Dbt, folder: Path, session: Session) -> None:
        super().__init__(dbt, folder)
        self.session = session
        self.is_new = True

    def start_anew(self) -> None:
        super().start_anew()
        self.session.start_anew()
        self.is_new = True

    def run(self) -> None:
        load(self.raw_path)
        self.session.dbt(*BUILD, *(["--full-refresh"] if self.is_new else []), raw_path=self.raw_path)
        self.is_new = False

    def differences(self) -> list[str]:
        return differences_from_reference(self.session, self.loaded)


@pytest.fixture(scope="module")
def warehouse(session: Session, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> SparkWarehouse:
    return SparkWarehouse(dbt, tmp_path_factory.mktemp("a [strange] folder's name"), session)


# As many as a run may have built when it ends before its time.
SOME = ("int_journey_event_rows", "int_journey_event_redeliveries", "int_journey_entries", "journey_overview")


def play(warehouse: SparkWarehouse, seed: int, size: int, batch_count: int) -> None:
    """Load a world in batches; compare with the reference after each, and with DuckDB after the last.

    The last batch is met by a run that ends between two models, and then by a whole one.
    """
    warehouse.start_anew()
    for number, batch in enumerate(split_into_batches(make_world(seed, size), seed, batch_count), start=1):
        warehouse.load(batch)
        if number == batch_count > 1:
            load(warehouse.raw_path)
            warehouse.session.dbt("run", "--select", *SOME, raw_path=warehouse.raw_path)
        warehouse.run()
        assert not warehouse.differences(), f"world {seed} of size {size}, load {number} of {batch_count}"
    warehouse.dbt(*BUILD, raw_path=warehouse.raw_path, database=warehouse.database)
    assert_equal_to_duckdb(warehouse.session, warehouse.database)


def test_a_world_gives_the_numbers_of_the_reference_and_of_duckdb_after_each_load(warehouse: SparkWarehouse) -> None:
    play(warehouse, seed=50, size=200, batch_count=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3000, 3000 + WORLDS))
def test_many_worlds(warehouse: SparkWarehouse, seed: int) -> None:
    play(warehouse, seed, size=(5, 30, 200, 1000)[seed % 4], batch_count=1 + seed % 7)
