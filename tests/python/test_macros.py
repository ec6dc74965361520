"""What a test inside dbt cannot show of the macros: raw folders in every shape, and compiles that must stop.

The tables of cases of all other macros are in tests/macros and, for utc_timestamp, in the unit tests of staging.
"""

import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Dbt, DbtError

# Brackets, wildcards and quotes are legal in the name of a folder, and patterns or ends of a text to DuckDB.
AWKWARD = "2026 [ab]*?'\" ö"


def write(path: Path, select: str) -> None:
    """Write the rows of a select as one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.sql(select).write_parquet(str(path))


def read(database: Path, select: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(select).fetchall()


def raw_columns(database: Path) -> dict[str, list[tuple[str, str]]]:
    """The columns and types of each raw table."""
    sql = "select table_name, column_name, data_type from information_schema.columns where table_schema = 'raw'"
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, data_type in read(database, f"{sql} order by table_name, ordinal_position"):
        found.setdefault(str(table), []).append((str(column), str(data_type)))
    return found


@pytest.fixture
def raw_path(tmp_path: Path) -> Path:
    """Raw data whose tables lack columns, files, or their whole folder, in files that disagree on names and types."""
    raw = tmp_path / AWKWARD
    write(
        raw / "journey_events" / AWKWARD / "loaded_on=2026-01-31" / "part.parquet",
        """
        select 'deep' as event_id, 'j' as journey_id, 'u' as user_id, 'journey_entered' as event_type,
            timestamp '2026-01-31 10:20:30.5' as occurred_at, timestamp '2026-02-01' as loaded_at, 'x' as unknown
        """,
    )
    write(
        raw / "journey_events" / "with a number as id.parquet",
        """
        select '2026-01-31T10:20:30+02:00' as occurred_at, 1 as EVENT_ID, 'iOS' as platform,
            timestamp '2026-02-01' as loaded_at
        """,
    )
    write(
        raw / "user_events" / "part.parquet",
        """
        select 'zoned' as event_id, timestamptz '2026-01-31 10:20:30+02' as occurred_at, 5 as revenue,
            '2026-02-01T01:00:00+02:00' as loaded_at
        """,
    )
    (raw / "user_events" / "read me.txt").write_text("No Parquet.")
    (raw / "journey_steps").mkdir()
    return raw


def test_a_raw_folder_is_read_whatever_its_name_depth_and_missing_parts(
    dbt: Dbt, raw_path: Path, tmp_path: Path
) -> None:
    database = tmp_path / "build.duckdb"
    dbt("run-operation", "prepare_raw_tables", raw_path=raw_path, database=database)
    sql = "select event_id, event_type, platform, occurred_at from raw.journey_events order by event_id"
    events: list[tuple[object, ...]] = [
        ("1", None, "iOS", "2026-01-31T10:20:30+02:00"),
        ("deep", "journey_entered", None, "2026-01-31 10:20:30.5"),
    ]
    assert read(database, sql) == events
    assert read(database, "select event_id, occurred_at, revenue, cast(loaded_at as text) from raw.user_events") == [
        ("zoned", "2026-01-31 08:20:30+00", 5.0, "2026-01-31 23:00:00")
    ]
    assert read(database, "select (select count(*) from raw.journeys), (select count(*) from raw.journey_steps)") == [
        (0, 0)
    ]
    columns = raw_columns(database)

    shutil.copy(raw_path / "user_events" / "part.parquet", raw_path / "user_events" / "landed during the run.parquet")
    assert read(database, "select count(*) from raw.user_events") == [(1,)]
    dbt("run-operation", "prepare_raw_tables", raw_path=raw_path, database=database)
    assert read(database, "select count(*) from raw.user_events") == [(2,)]

    # The sample and a folder can take turns in one database, and both give the same columns.
    dbt("seed", database=database)
    assert read(database, "select count(*) > 100 from raw.journey_events") == [(True,)]
    assert raw_columns(database) == columns
    dbt("run-operation", "prepare_raw_tables", raw_path=raw_path, database=database)
    assert read(database, sql) == events


def test_a_folder_that_no_pattern_finds_is_refused(dbt: Dbt, tmp_path: Path) -> None:
    raw_path = tmp_path / "back\\slash"
    write(raw_path / "journeys" / "part.parquet", "select 'j' as journey_id")
    with pytest.raises(DbtError, match="JOURNEY_RAW_PATH has a backslash in it"):
        dbt("run-operation", "prepare_raw_tables", raw_path=raw_path, database=tmp_path / "build.duckdb")


def test_a_folder_in_which_nothing_is_found_is_read_as_empty_with_a_warning(
    dbt: Dbt, raw_path: Path, tmp_path: Path
) -> None:
    database, operation = tmp_path / "build.duckdb", ("run-operation", "prepare_raw_tables")
    assert "is it right?" in dbt(*operation, raw_path=tmp_path / "mistyped", database=database).output
    assert read(database, "select count(*) from raw.journey_events") == [(0,)]
    assert "is it right?" not in dbt(*operation, raw_path=raw_path, database=database).output


@pytest.mark.parametrize("kind", ["table", "view"])
@pytest.mark.parametrize("options", [[], ["--full-refresh"]])
def test_tables_and_views_of_your_own_are_never_replaced_by_files(
    dbt: Dbt, raw_path: Path, tmp_path: Path, kind: str, options: list[str]
) -> None:
    database = tmp_path / "build.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create schema events; create {kind} events.journeys as select 'mine' as journey_id")
    with pytest.raises(DbtError, match="Schema events holds tables of your own"):
        dbt("run", *options, raw_path=raw_path, database=database, variables={"raw_schema": "events"})
    assert read(database, "select journey_id from events.journeys") == [("mine",)]


def test_files_can_be_read_through_a_schema_of_another_name(dbt: Dbt, raw_path: Path, tmp_path: Path) -> None:
    for _ in range(2):
        run = dbt(
            "run-operation", "prepare_raw_tables", raw_path=raw_path, database=tmp_path / "build.duckdb",
            variables={"raw_schema": "events"},
        )  # fmt: skip
        assert read(run.database, "select event_id from events.user_events") == [("zoned",)]


def test_a_view_takes_the_place_of_a_view_or_a_table_and_keeps_what_is_said_of_it(dbt: Dbt, tmp_path: Path) -> None:
    database = tmp_path / "build.duckdb"
    lists = ("run", "--select", "+journey_metric_users")
    dbt("seed", database=database)
    dbt(*lists, database=database)
    said = "select comment from duckdb_columns() where table_name = 'journey_metric_users' order by column_index"
    comments = read(database, said)
    assert comments and all(comments)
    for in_the_way in ("table", "view"):
        with duckdb.connect(str(database)) as connection:
            connection.execute("drop view marts.journey_metric_users")
            connection.execute(f"create {in_the_way} marts.journey_metric_users as select 1 as another_column")
        dbt(*lists, database=database)
        assert read(database, said) == comments, in_the_way


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("after_sample_seed('no_such_table')", "no_such_table"),
        ("percentage('part', 'whole', 'digits')", "takes not more than 2 argument"),
    ],
)
def test_a_macro_with_wrong_arguments_stops_the_compile(dbt: Dbt, call: str, message: str) -> None:
    with pytest.raises(DbtError, match=message):
        dbt("compile", "--inline", "select '{{ " + call + " }}'", database=dbt.folder / "parsed.duckdb")


def test_every_macro_that_is_an_expression_has_a_table_of_cases() -> None:
    """One in tests/macros, or a reason why it is somewhere else."""
    elsewhere = {
        "build_table": "Each kept table is built by it.",
        "create_table_as": "test_sample.py looks at what it stored.",
        "create_view_as": "Above.",
        "dbt_on_spark": "test_spark.py: each build there is made by these.",
        "after_sample_seed": "The order of every build of the sample shows it.",
        "gather_statistics": "It is no expression, and changes no row.",
        "is_none_of": "Every accepted event passes it: the unit tests of int_journey_events and int_user_events.",
        "prepare_raw_tables": "Above, in test_postgres.py and in test_spark.py.",
        "protect_published_marts": "test_postgres_refresh.py.",
        "replace_temporary_table": "Each increment of touched users is built with it.",
        "unit": "Each unit test on PostgreSQL is run by it.",
        "type_double": "It is the type that the cases of percentage are compared in.",
        "utc_timestamp": "The unit tests of stg_journey_events.",
    }
    macros = PROJECT / "macros"
    listed = {path.stem.removeprefix("assert_cases_of_") for path in (PROJECT / "tests" / "macros").glob("*.sql")}
    assert {path.stem for folder in (macros, macros / "dialect") for path in folder.glob("*.sql")} == listed | set(
        elsewhere
    )
