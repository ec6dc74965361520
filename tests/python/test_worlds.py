"""Random messy worlds: every published table equals the plain-Python reference, after a full build and after each load.

The worlds come from `worlds.py`, the numbers they should give from `reference.py`; neither knows the SQL. `WORLDS` in
the environment sets how many worlds the long form plays.
"""

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, Dbt, DbtError
from reference import publish
from worlds import Row, RowsByTable, make_world, quoted, split_into_batches, write_parquet

BUILD = ("build", "--exclude-resource-type", "test", "unit_test")
WORLDS = int(os.environ.get("WORLDS", "100"))
# The incremental model that reads each raw table.
ROWS_OF_TABLES = {
    "journey_events": "int_journey_event_rows",
    "user_events": "int_user_event_rows",
    "journeys": "int_journeys",
    "journey_steps": "int_journey_steps",
}


def channel_metrics() -> set[tuple[str, str]]:
    with (PROJECT / "seeds/lookups/channel_metrics.csv").open(newline="") as file:
        return {(row["step_type"].lower(), row["metric"]) for row in csv.DictReader(file)}


def as_compared(values: Iterable[Any]) -> tuple[Any, ...]:
    """Doubles to twelve digits: a division may be rounded in either of two ways."""
    return tuple(float(f"{value:.12g}") if isinstance(value, float) else value for value in values)


def published_differences(database: Path, raw: RowsByTable) -> list[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return differences_from_reference(connection, raw)


def differences_from_reference(connection: Any, raw: RowsByTable) -> list[str]:
    """What each published table has too much or too little of, as the reference sees it, on any engine."""
    differences = []
    for table, rows in publish(raw, channel_metrics()).items():
        result = connection.execute(f'select * from marts."{table}"')
        columns = [column[0] for column in result.description]
        published = Counter(as_compared(row) for row in result.fetchall())
        expected = Counter(as_compared(row[column] for column in columns) for row in rows)
        differences += [f"{table} has {row}, unexpected" for row in list(published - expected)[:5]]
        differences += [f"{table} lacks {row}" for row in list(expected - published)[:5]]
    return differences


class Warehouse:
    """A raw folder and a build file that are used for one world after the other, so that dbt parses only once."""

    def __init__(self, dbt: Dbt, folder: Path) -> None:
        self.dbt, self.raw_path, self.database = dbt, folder / "raw", folder / "build.duckdb"
        self.loaded: RowsByTable = {}
        self.loads = 0

    def start_anew(self) -> None:
        shutil.rmtree(self.raw_path, ignore_errors=True)
        self.database.unlink(missing_ok=True)
        self.raw_path.mkdir()
        self.loaded = {}

    def load(self, rows_by_table: dict[str, list[Row]]) -> None:
        self.loads += 1
        write_parquet(rows_by_table, self.raw_path, f"load_{self.loads}")
        for table, rows in rows_by_table.items():
            self.loaded.setdefault(table, []).extend(rows)

    def replace_raw_rows(self, rows_by_table: dict[str, list[Row]]) -> None:
        shutil.rmtree(self.raw_path)
        self.raw_path.mkdir()
        self.loaded = {}
        self.load(rows_by_table)

    def run(self) -> None:
        self.dbt(*BUILD, raw_path=self.raw_path, database=self.database)

    def differences(self) -> list[str]:
        return published_differences(self.database, self.loaded)

    def touched_by_the_next_run(self, pairs: str) -> int:
        """How many users in journeys a macro of the increments selects."""
        query = "select count(*) as touched from ({{ " + pairs + " }}) as pairs"
        arguments = ("show", "--output", "json", "--log-format", "text", "--quiet", "--inline", query)
        shown = self.dbt(*arguments, raw_path=self.raw_path, database=self.database)
        return int(json.loads(shown.output)["show"][0]["touched"])


@pytest.fixture(scope="module")
def warehouse(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(dbt, tmp_path_factory.mktemp("a [strange] folder's name"))


def most_frequent(rows: list[Row], column: str) -> object:
    return Counter(row[column] for row in rows).most_common(1)[0][0]


def play(warehouse: Warehouse, seed: int, size: int, batch_count: int) -> None:
    """Load a world in batches, and compare after each."""
    warehouse.start_anew()
    for number, batch in enumerate(split_into_batches(make_world(seed, size), seed, batch_count), start=1):
        warehouse.load(batch)
        warehouse.run()
        assert not warehouse.differences(), f"world {seed} of size {size}, load {number} of {batch_count}"


@pytest.mark.dbt
@pytest.mark.parametrize("seed", range(3))
def test_a_world_loaded_at_once_gives_the_numbers_of_the_reference(warehouse: Warehouse, seed: int) -> None:
    play(warehouse, seed, size=400, batch_count=1)


@pytest.mark.dbt
@pytest.mark.parametrize(("seed", "batch_count"), [(10, 4), (11, 3), (12, 5)])
def test_a_world_gives_the_numbers_of_the_reference_after_each_load(
    warehouse: Warehouse, seed: int, batch_count: int
) -> None:
    play(warehouse, seed, size=200, batch_count=batch_count)


@pytest.mark.dbt
def test_a_first_run_without_any_row_and_a_run_without_a_new_one(warehouse: Warehouse) -> None:
    warehouse.start_anew()
    warehouse.run()
    assert not warehouse.differences()
    warehouse.load(make_world(20, 50))
    warehouse.run()
    assert not warehouse.differences()
    warehouse.run()
    assert not warehouse.differences()


@pytest.mark.dbt
def test_where_nothing_can_convert_a_run_with_nothing_new_credits_nobody(warehouse: Warehouse) -> None:
    world = make_world(45, 100)
    warehouse.start_anew()
    warehouse.load(world | {"journeys": []})
    warehouse.run()
    pairs = "touched_pairs_to_credit(ref('int_journey_conversions'), ['journey_entered', 'journey_exited'])"
    assert warehouse.touched_by_the_next_run(pairs) == 0
    warehouse.load({"journeys": world["journeys"]})
    warehouse.run()
    assert not warehouse.differences()


@pytest.mark.dbt
def test_where_no_outcome_is_repeated_a_run_with_nothing_new_looks_for_nobody(warehouse: Warehouse) -> None:
    world = make_world(46, 100)
    for row in world["journey_events"]:
        row["outcome"] = row["event_id"]
    warehouse.start_anew()
    warehouse.load(world)
    warehouse.run()
    assert not warehouse.differences()
    pairs = "touched_pairs(ref('int_journey_repeated_outcomes'), ['step_outcome'])"
    assert warehouse.touched_by_the_next_run(pairs) == 0


# Three journey events, of which two are from the future, and a user event, with their columns in types of one load.
TYPED_EVENTS = """
copy (
    select 'j{load}' || i as event_id, 'j' as journey_id, 'u' as user_id, 'journey_entered' as event_type,
        cast(occurred_at as {time}) as occurred_at, cast('2024-03-01' as {time}) as loaded_at
    from (values (1, '2024-03-01 00:00:00.00001'), (2, '2024-03-02'), (3, '{latest}')) as events (i, occurred_at)
) to '{folder}/journey_events/{load}.parquet';
copy (
    select 'u{load}' as event_id, 'u' as user_id, 'paid' as event_name, cast({number}) as revenue,
        cast('2024-03-01' as {time}) as occurred_at, cast('2024-03-01' as {time}) as loaded_at
) to '{folder}/user_events/{load}.parquet'
"""


@pytest.mark.dbt
def test_a_file_of_other_types_changes_no_row_of_the_files_before(warehouse: Warehouse) -> None:
    warehouse.start_anew()
    for table in ("journey_events", "user_events"):
        (warehouse.raw_path / table).mkdir()
    loads = [
        ("timestamp", "12.34 as decimal(10, 2)", "9999-12-31"),
        ("timestamptz", "12.34 as float", "9999-12-31"),
        ("timestamp_ns", "12 as bigint", "2261-12-31"),
        ("varchar", "12.34 as varchar", "9999-12-31"),
    ]
    for load, (time, number, latest) in enumerate(loads, start=1):
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            folder = quoted(warehouse.raw_path)
            connection.execute(TYPED_EVENTS.format(load=load, time=time, number=number, latest=latest, folder=folder))
        warehouse.run()
        with duckdb.connect(str(warehouse.database), read_only=True) as connection:
            counted = connection.execute("from marts.load_reconciliation order by raw_table").fetchall()
        assert counted == [("journey_events", 3 * load, load, 0, 2 * load), ("user_events", load, load, 0, 0)], time


@pytest.mark.dbt
def test_a_full_refresh_that_dies_half_way_after_the_clock_was_turned_back_loses_nothing(warehouse: Warehouse) -> None:
    warehouse.start_anew()
    first, second = split_into_batches(make_world(40, 100), 40, 2)
    warehouse.load(first)
    warehouse.run()
    # All that is here was built by a clock that went a year ahead.
    with duckdb.connect(str(warehouse.database)) as connection:
        batches = """
            select schema_name || '.' || table_name, column_name from duckdb_columns()
            where column_name like '%batch_number' and table_oid in (select table_oid from duckdb_tables())
        """
        for table, column in connection.execute(batches).fetchall():
            connection.execute(f"update {table} set {column} = {column} + 366 * 86400 * 1000000::bigint")
    warehouse.load(second)
    rows = ROWS_OF_TABLES.values()
    warehouse.dbt("run", "--full-refresh", "--select", *rows, raw_path=warehouse.raw_path, database=warehouse.database)
    warehouse.run()
    assert not warehouse.differences()


@pytest.mark.dbt
@pytest.mark.parametrize("rebuilt", ["journey_events", "user_events", "journeys", None])
def test_a_full_refresh_that_dies_half_way_leaves_nothing_of_rows_that_are_gone(
    warehouse: Warehouse, rebuilt: str | None
) -> None:
    """Raw rows of a user and of a journey are erased; the full refresh that should forget them dies early."""
    warehouse.start_anew()
    world = make_world(44, 200)
    warehouse.load(world)
    warehouse.run()
    tables = ROWS_OF_TABLES if rebuilt is None else [rebuilt]
    erased = {
        "user_id": most_frequent(world["journey_events"], "user_id"),
        "journey_id": most_frequent(world["journey_events"], "journey_id"),
    }
    kept = {
        table: [row for row in rows if table not in tables or not any(row.get(i) == erased[i] for i in erased)]
        for table, rows in world.items()
    }
    warehouse.replace_raw_rows(kept)
    selected = [ROWS_OF_TABLES[table] for table in tables]
    warehouse.dbt(
        "run", "--full-refresh", "--select", *selected, raw_path=warehouse.raw_path, database=warehouse.database
    )
    warehouse.run()
    assert not warehouse.differences()


@pytest.mark.dbt
def test_the_sample_and_files_are_never_mixed(dbt: Dbt, tmp_path: Path) -> None:
    database = tmp_path / "build.duckdb"
    write_parquet(make_world(41, 5), tmp_path / "raw", "load")
    dbt(*BUILD, database=database)
    with pytest.raises(DbtError, match="built from the sample: name another"):
        dbt(*BUILD, raw_path=tmp_path / "raw", database=database)
    dbt(*BUILD, "--full-refresh", raw_path=tmp_path / "raw", database=database)
    assert not published_differences(database, make_world(41, 5))
    with pytest.raises(DbtError, match="built from files of JOURNEY_RAW_PATH"):
        dbt(*BUILD, database=database)


@pytest.mark.long
@pytest.mark.dbt
@pytest.mark.parametrize("seed", range(1000, 1000 + WORLDS))
def test_many_worlds(warehouse: Warehouse, seed: int) -> None:
    play(warehouse, seed, size=(5, 30, 200, 1000)[seed % 4], batch_count=1 + seed % 7)
