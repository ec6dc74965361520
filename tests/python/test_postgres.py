"""The same models on PostgreSQL: what they publish equals DuckDB's tables and the reference, after every load.

The server's language is Turkish and its time zone that of India, so nothing may depend on either.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, Dbt, DbtError
from postgres_cluster import Cluster, running_cluster
from test_macros import AWKWARD, write
from test_worlds import BUILD, WORLDS, Warehouse, differences_from_reference
from worlds import make_world, split_into_batches

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def dbt_postgres(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt_postgres"), target="postgres", settings=cluster.settings)


@pytest.fixture(autouse=True)
def empty_database(cluster: Cluster) -> None:
    cluster.start_anew()


def read_marts(connection: Any) -> dict[str, Counter[tuple[Any, ...]]]:
    """All that a database of either engine publishes: by table, the columns and how often each row is there."""
    sql = "select table_name from information_schema.tables where table_schema = 'marts' order by table_name"
    marts = {}
    for (table,) in connection.execute(sql).fetchall():
        result = connection.execute(f"select * from marts.{table}")
        columns = tuple(column[0] for column in result.description)
        marts[table] = Counter(result.fetchall()) + Counter([columns])
    return marts


def assert_equal_to_duckdb(cluster: Cluster, database: Path) -> None:
    """Every value, doubles to the last bit."""
    with cluster.connect() as connection, duckdb.connect(str(database), read_only=True) as expected:
        found, wanted = read_marts(connection), read_marts(expected)
    assert found.keys() == wanted.keys()
    differences = {table: (found[table] - wanted[table], wanted[table] - found[table]) for table in wanted}
    assert not {table: rows for table, rows in differences.items() if any(rows)}


def test_the_sample_gives_the_tables_of_duckdb_with_their_words(
    cluster: Cluster, dbt_postgres: Dbt, dbt: Dbt, tmp_path: Path
) -> None:
    """Built with every data test, unit test and table of cases, and then once more."""
    sample_database = dbt(*BUILD).database
    dbt_postgres("build")
    assert_equal_to_duckdb(cluster, sample_database)

    def words(connection: Any, sql: str) -> set[tuple[Any, ...]]:
        return set(connection.execute(sql).fetchall())

    with cluster.connect() as connection, duckdb.connect(str(sample_database), read_only=True) as expected:
        found = words(
            connection,
            """
            select relname, attname, description
            from pg_description
            join pg_class on pg_class.oid = objoid
            left join pg_attribute on attrelid = objoid and attnum = objsubid and attnum > 0
            where relnamespace = 'marts'::regnamespace
            """,
        )
        assert found == words(
            expected,
            """
            select table_name, column_name, comment from duckdb_columns()
            where schema_name = 'marts' and comment is not null
            union all select table_name, null, comment from duckdb_tables() where schema_name = 'marts'
            union all select view_name, null, comment from duckdb_views() where schema_name = 'marts'
            """,
        )
    assert_exports_are_equal(cluster, sample_database, tmp_path)
    dbt_postgres(*BUILD)
    assert_equal_to_duckdb(cluster, sample_database)


def assert_exports_are_equal(cluster: Cluster, database: Path, folder: Path) -> None:
    """The lists of users, byte for byte, their order and their pseudonyms among it."""

    def export(source: str, *arguments: str) -> str:
        script = str(PROJECT / "scripts" / "export_users.py")
        done = subprocess.run(
            [sys.executable, script, "--database", source, *arguments],
            env=os.environ | {"JOURNEY_EXPORT_KEY": "a key"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert export(cluster.url, "--list") == export(str(database), "--list")
    for number, more in enumerate((["--metric", "converted_users"], ["--metric", "total_entries", "--pseudonymize"])):
        lists = []
        for name, source in (("postgres", cluster.url), ("duckdb", str(database))):
            output = folder / f"{name}_{number}.csv"
            export(source, "--journey", "welcome", *more, "--format", "csv", "--output", str(output))
            lists.append(output.read_bytes())
        assert lists[0] == lists[1] and lists[0].count(b"\n") > 2


def test_an_export_without_marts_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    script = str(PROJECT / "scripts" / "export_users.py")
    for address, words in ((cluster.url, "no marts"), (f"postgresql:///x?host={tmp_path}", "Cannot open PostgreSQL")):
        command = [sys.executable, script, "--database", address, "--list"]
        assert_refused(subprocess.run(command, capture_output=True, text=True), 2, words)


# Loading raw files


def load(cluster: Cluster, raw_path: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("JOURNEY_")}
    raw = {"JOURNEY_RAW_PATH": str(raw_path)} if raw_path else {}
    return subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "load_raw.py"), "--target", "postgres", *arguments],
        env=kept | raw | cluster.settings,
        capture_output=True,
        text=True,
    )


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence on stderr, nothing on stdout."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr


def event_ids(cluster: Cluster) -> list[str]:
    with cluster.connect() as connection:
        return [row[0] for row in connection.execute("select event_id from raw.journey_events order by 1").fetchall()]


def write_events(raw_path: Path, name: str, *event_ids: str) -> Path:
    file = raw_path / "journey_events" / name
    listed = ", ".join(f"('{event_id}')" for event_id in event_ids)
    write(file, f"select event_id, timestamp '2026-01-31' as loaded_at from (values {listed}) as t (event_id)")
    return file


def test_raw_files_of_any_shape_are_loaded_as_duckdb_reads_them(cluster: Cluster, tmp_path: Path) -> None:
    raw = tmp_path / AWKWARD
    write(
        raw / "journey_events" / AWKWARD / "loaded_on=2026-01-31" / "part.parquet",
        """
        select 'deep' as event_id, 'a "b",' || chr(10) || '\\.' as user_id, '' as step_id, 'x' as unknown,
            timestamp '2026-01-31 10:20:30.5' as occurred_at, timestamp '2026-02-01' as loaded_at
        """,
    )
    write(
        raw / "journey_events" / "1.parquet", "select 1 as EVENT_ID, 'no time' as loaded_at, 'nul' || chr(0) as outcome"
    )
    write(
        raw / "user_events" / "1.parquet",
        """
        select timestamptz '2026-01-31 10:20:30+02' as occurred_at, 5 as revenue,
            '2026-02-01T01:00:00+02:00' as loaded_at
        """,
    )
    assert load(cluster, raw).returncode == 0
    with cluster.connect() as connection:
        events = "select event_id, user_id, step_id, occurred_at, loaded_at, outcome from raw.journey_events order by 1"
        one, deep = connection.execute(events).fetchall()
        assert one == ("1", None, None, None, None, "nul\ufffd")
        assert (
            deep[:4] == ("deep", 'a "b",\n\\.', "", "2026-01-31 10:20:30.5") and str(deep[4]) == "2026-02-01 00:00:00"
        )
        found = "select event_id, revenue, occurred_at, cast(loaded_at as text) from raw.user_events"
        users = connection.execute(found).fetchall()
        assert users == [(None, 5.0, "2026-01-31 08:20:30+00", "2026-01-31 23:00:00")]
        assert connection.execute("select count(*) from raw.journeys").fetchall() == [(0,)]


def test_each_file_is_loaded_once(cluster: Cluster, tmp_path: Path) -> None:
    first = write_events(tmp_path, "1.parquet", "a", "b")
    done = load(cluster, tmp_path, "--json")
    assert '"journey_events": 2' in done.stdout and done.stdout.count("\n") == 1
    first.touch()
    write_events(tmp_path, "2.parquet", "c")
    assert '"journey_events": 1' in load(cluster, None, "--json", "--raw-path", str(tmp_path)).stdout
    assert event_ids(cluster) == ["a", "b", "c"]


def test_a_file_that_has_changed_is_named(cluster: Cluster, tmp_path: Path) -> None:
    write_events(tmp_path, "1.parquet", "a")
    load(cluster, tmp_path)
    changed = write_events(tmp_path, "1.parquet", "b")
    write_events(tmp_path, "2.parquet", "c")
    assert_refused(load(cluster, tmp_path), 1, str(changed), "has changed")
    assert event_ids(cluster) == ["a"]


def test_a_file_is_loaded_whole_or_not_at_all(cluster: Cluster, tmp_path: Path) -> None:
    write_events(tmp_path, "1.parquet", "a")
    broken = tmp_path / "journey_events" / "2.parquet"
    # The rows before the one that cannot be read are more than are sent at once.
    write(broken, "select i::text as event_id, '' as loaded_at from range(50_000) t (i)")
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    assert_refused(load(cluster, tmp_path), 1, str(broken))
    assert event_ids(cluster) == ["a"]
    write(tmp_path / "journeys" / "1.parquet", "select 'j' as journey_id, 'soon' as attribution_window_minutes")
    assert_refused(load(cluster, tmp_path), 1, "journeys/1.parquet", "soon")
    (tmp_path / "journeys" / "1.parquet").unlink()
    broken.write_bytes(whole)
    assert load(cluster, tmp_path).returncode == 0
    assert len(event_ids(cluster)) == 50_001


def test_one_load_at_a_time(cluster: Cluster, tmp_path: Path) -> None:
    write_events(tmp_path, "1.parquet", "a")
    load(cluster, tmp_path)
    with cluster.connect() as connection:
        connection.execute("select pg_advisory_lock(hashtext('journey_analytics load_raw'))")
        assert_refused(load(cluster, tmp_path), 3, "Another load")


def test_what_cannot_be_loaded_is_said_in_one_sentence(cluster: Cluster, dbt_postgres: Dbt, tmp_path: Path) -> None:
    assert_refused(load(cluster, None), 2, "JOURNEY_RAW_PATH")
    assert_refused(load(cluster, tmp_path / "none"), 2, "no folder")
    nowhere = Cluster(tmp_path)
    assert_refused(load(nowhere, tmp_path), 2, "Cannot open PostgreSQL", str(tmp_path))
    dbt_postgres("seed")
    assert_refused(load(cluster, tmp_path), 2, "not loaded from files", "journey_events")


def test_times_of_your_own_tables_are_never_read_in_the_zone_of_the_server(cluster: Cluster, dbt_postgres: Dbt) -> None:
    prepare = partial(dbt_postgres, "run-operation", "prepare_raw_tables", variables={"raw_schema": "events"})
    with pytest.raises(DbtError, match="in the time zone Asia/Kolkata") as refused:
        prepare()
    [remedy] = re.findall("`(.*)`", str(refused.value))
    with cluster.connect() as connection:
        try:
            connection.execute(remedy)
            prepare()
        finally:
            connection.execute("alter role journeys reset timezone")


def test_the_sample_does_not_take_the_place_of_loaded_rows(cluster: Cluster, dbt_postgres: Dbt, tmp_path: Path) -> None:
    write_events(tmp_path, "1.parquet", "a")
    load(cluster, tmp_path)
    with pytest.raises(DbtError, match="JOURNEY_RAW_PATH"):
        dbt_postgres("seed")
    assert event_ids(cluster) == ["a"]


# Worlds


class PostgresWarehouse(Warehouse):
    """A raw folder that is loaded into PostgreSQL before each run; its database file is DuckDB's, to compare with."""

    def __init__(self, dbt: Dbt, folder: Path, cluster: Cluster) -> None:
        super().__init__(dbt, folder)
        self.cluster = cluster

    def start_anew(self) -> None:
        super().start_anew()
        self.cluster.start_anew()

    def load_raw(self) -> None:
        done = load(self.cluster, self.raw_path)
        assert done.returncode == 0, done.stderr

    def run(self) -> None:
        self.load_raw()
        self.dbt(*BUILD, raw_path=self.raw_path)

    def differences(self) -> list[str]:
        with self.cluster.connect() as connection:
            return differences_from_reference(connection, self.loaded)


@pytest.fixture(scope="module")
def warehouse(cluster: Cluster, dbt_postgres: Dbt, tmp_path_factory: pytest.TempPathFactory) -> PostgresWarehouse:
    return PostgresWarehouse(dbt_postgres, tmp_path_factory.mktemp("a [strange] folder's name"), cluster)


def play(warehouse: PostgresWarehouse, dbt: Dbt, seed: int, size: int, batch_count: int) -> None:
    """Load a world in batches; compare with the reference after each, and with DuckDB after the last."""
    warehouse.start_anew()
    for number, batch in enumerate(split_into_batches(make_world(seed, size), seed, batch_count), start=1):
        warehouse.load(batch)
        warehouse.run()
        assert not warehouse.differences(), f"world {seed} of size {size}, load {number} of {batch_count}"
    dbt(*BUILD, raw_path=warehouse.raw_path, database=warehouse.database)
    assert_equal_to_duckdb(warehouse.cluster, warehouse.database)


@pytest.mark.parametrize(("seed", "batch_count"), [(40, 1), (41, 4)])
def test_a_world_gives_the_numbers_of_the_reference_and_of_duckdb(
    warehouse: PostgresWarehouse, dbt: Dbt, seed: int, batch_count: int
) -> None:
    play(warehouse, dbt, seed, size=200, batch_count=batch_count)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2000, 2000 + WORLDS))
def test_many_worlds(warehouse: PostgresWarehouse, dbt: Dbt, seed: int) -> None:
    play(warehouse, dbt, seed, size=(5, 30, 200, 1000)[seed % 4], batch_count=1 + seed % 7)
