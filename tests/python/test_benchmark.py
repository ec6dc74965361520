"""The benchmark's raw data is the same every time and looks like what the README says about it; `run` measures it."""

import importlib
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark.py"
EVENTS = 30_000

# What the rules make of the rows, without asking the project: first deliveries that can be read.
WORLD = """
create table {table} as
select * replace (try_cast(occurred_at as timestamptz)::timestamp as occurred_at)
from read_parquet('{raw_path}/*/{table}/*.parquet');

create table accepted_{table} as
select * from {table}
where event_id is not null and trim(user_id) <> '' and occurred_at <= loaded_at
qualify row_number() over (partition by event_id order by loaded_at) = 1;
"""


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return importlib.import_module("benchmark")


@pytest.fixture(scope="module")
def raw_path(benchmark: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the usual days, because every day costs the same however small it is."""
    path = tmp_path_factory.mktemp("raw") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "BASE_DAYS", 30)
        benchmark.generate_raw_data(path, EVENTS, 1)
    return path


@pytest.fixture(scope="module")
def world(raw_path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for table in ("journey_events", "user_events"):
        connection.execute(WORLD.format(table=table, raw_path=raw_path))
    connection.execute(f"create table journeys as from read_parquet('{raw_path}/base/journeys/*.parquet')")
    return connection


def number(world: duckdb.DuckDBPyConnection, expression_from: str) -> float:
    row = world.execute(f"select {expression_from}").fetchone()
    assert row is not None
    return float(row[0])


def test_the_same_size_gives_the_same_bytes(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(benchmark, "BASE_DAYS", 3)
    for name in ("one", "two"):
        benchmark.generate_raw_data(tmp_path / name, 2000, 10)
    files = [{f.relative_to(tmp_path / n): f.read_bytes() for f in (tmp_path / n).rglob("*.*")} for n in ("one", "two")]
    assert len(files[0]) == 1 + 2 + 2 * (3 + 1)
    assert files[0] == files[1]


def test_the_sizes_are_those_asked_for(raw_path: Path) -> None:
    rows = json.loads((raw_path / "generated.json").read_text())["rows"]
    assert rows["base"]["journey_events"] == pytest.approx(EVENTS, rel=0.1)
    assert rows["base"]["user_events"] == pytest.approx(EVENTS / 6, rel=0.15)
    assert rows["batch"]["journey_events"] == pytest.approx(EVENTS / 100, rel=0.3)


def test_files_follow_each_other_in_load_time(raw_path: Path) -> None:
    for table in ("journey_events", "user_events"):
        days = duckdb.sql(
            f"""select min(loaded_at), max(loaded_at)
            from read_parquet('{raw_path}/*/{table}/*.parquet', filename = true)
            group by filename order by parse_filename(filename)"""
        ).fetchall()
        assert len(days) == 31
        assert all(first.date() == last.date() for first, last in days)
        assert all(before[1] < after[0] for before, after in pairwise(days))


@pytest.mark.parametrize("table", ["journey_events", "user_events"])
def test_one_percent_comes_twice_two_percent_late_and_a_few_are_broken(
    world: duckdb.DuckDBPyConnection, table: str
) -> None:
    twice = number(world, f"100 * (count(event_id) - count(distinct event_id)) / count(*) from {table}")
    late = number(world, f"100 * avg((loaded_at > occurred_at + interval 1 day)::int) from accepted_{table}")
    broken = number(world, f"count(distinct event_id) from {table}") - number(world, f"count(*) from accepted_{table}")
    assert 0.6 < twice < 1.2
    assert 1.3 < late < 2.3
    assert 0 < broken < EVENTS / 100


def test_no_event_precedes_the_entry_it_belongs_to(world: duckdb.DuckDBPyConnection) -> None:
    orphans = number(
        world,
        """count(*) from accepted_journey_events as event where not exists (
            from accepted_journey_events as entry
            where entry.event_type = 'journey_entered' and entry.user_id = event.user_id
              and entry.journey_id = event.journey_id and entry.occurred_at <= event.occurred_at
        )""",
    )
    # Only those whose entry is broken or still on its way.
    assert orphans < EVENTS / 100


def test_there_is_something_to_convert(world: duckdb.DuckDBPyConnection) -> None:
    matching = number(
        world,
        """100 * avg((event_name in (select conversion_event_name from journeys where conversion_event_name is not null)
        )::int) from accepted_user_events""",
    )
    after_entry = number(
        world,
        """count(distinct event.event_id) from accepted_user_events as event
        inner join journeys on conversion_event_name = event_name
        inner join accepted_journey_events as entry using (journey_id, user_id)
        where event_type = 'journey_entered' and event.occurred_at >= entry.occurred_at""",
    )
    assert 6 < matching < 14
    assert after_entry > EVENTS / 200


def test_some_users_have_far_more_runs_than_most(world: duckdb.DuckDBPyConnection) -> None:
    runs = "(select count(*) as n from accepted_journey_events where event_type = 'journey_entered' group by user_id)"
    assert number(world, f"median(n) from {runs}") <= 3
    assert number(world, f"max(n) from {runs}") > 15


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def stub_dbt(folder: Path, last_line: str) -> Path:
    """A dbt, and a python beside it, that note how they were called."""
    for name in ("dbt", "python"):
        stub = folder / name
        stub.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n: > "$JOURNEY_DUCKDB_PATH"\n{last_line}\n')
        stub.chmod(0o755)
    return folder / "dbt"


@pytest.fixture
def tiny(raw_path: Path, tmp_path: Path) -> list[str]:
    return ["run", "--events", str(EVENTS), "--raw-path", str(raw_path), "--work-dir", str(tmp_path / "work")]


# Counts the raw files that have landed, and says what dbt says of a model of 2 seconds and two tests of 1.5 each.
SAY_AND_COUNT = """
find "$JOURNEY_RAW_PATH" -name "*.parquet" | wc -l >> {folder}/files
for artifacts in "$DBT_TARGET_PATH" "$DBT_TARGET_PATH/refresh_marts"; do
mkdir -p "$artifacts"
cat > "$artifacts/run_results.json" << end
{{"results": [
    {{"unique_id": "test.project.one.1a", "execution_time": 1.5}},
    {{"unique_id": "model.project.rows", "execution_time": 2}},
    {{"unique_id": "test.project.two.2b", "execution_time": 1.5}}
]}}
end
done
"""


def test_a_run_measures_the_phases_in_order(tiny: list[str], raw_path: Path, tmp_path: Path) -> None:
    stub = stub_dbt(tmp_path, SAY_AND_COUNT.format(folder=tmp_path))
    done = run_script(*tiny, "--dbt", str(stub), "--scheduled", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out.json").read_text())
    phases = {phase["phase"]: phase for phase in results["phases"]}
    by_hand = ["full refresh", "batch", "nothing new"]
    scheduled = ["first scheduled", "batch scheduled", "nothing new scheduled"]
    assert list(phases) == ["plain copy", *by_hand, *scheduled]
    assert phases["plain copy"]["file_bytes"] > 1_000_000
    assert phases["plain copy"]["cpu_seconds"] > 0 and phases["plain copy"]["peak_memory_bytes"] > 20_000_000
    for phase in by_hand + scheduled:
        assert (phases[phase]["models_seconds"], phases[phase]["tests_seconds"]) == (2, 3)
        assert phases[phase]["node_seconds"] == {"rows": 2, "one": 1.5, "two": 1.5}
    assert {"cpu", "cores", "memory_bytes", "duckdb", "dbt-core"} <= results["machine"].keys()
    untested = "dbt build --exclude-resource-type test unit_test"
    assert (tmp_path / "calls").read_text().splitlines() == [
        "dbt parse --profiles-dir profiles",
        f"{untested} --full-refresh --profiles-dir profiles",
        f"{untested} --profiles-dir profiles",
        f"{untested} --profiles-dir profiles",
        *["python scripts/refresh_marts.py"] * 3,
    ]
    base = 2 + 2 * 30
    files = [int(n) for n in (tmp_path / "files").read_text().split()]
    assert files == [base, base, base + 2, base + 2, base, base + 2, base + 2]


def test_scheduled_runs_are_measured_when_asked_for(tiny: list[str], tmp_path: Path) -> None:
    done = run_script(*tiny, "--dbt", str(stub_dbt(tmp_path, "true")))
    assert done.returncode == 0, done.stderr
    assert "nothing new" in done.stdout and "scheduled" not in done.stdout


def test_a_failing_phase_is_one_sentence_and_exit_code_1(tiny: list[str], tmp_path: Path) -> None:
    done = run_script(*tiny, "--dbt", str(stub_dbt(tmp_path, 'test "$1" = parse')))
    assert done.returncode == 1
    assert "Error: The full refresh failed with exit code 1; read " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = run_script("generate", "--events", "10", "--raw-path", str(tmp_path))
    assert done.returncode == 2
    assert "holds something else" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.txt"]


def test_a_missing_dbt_is_wrong_use(tiny: list[str], tmp_path: Path) -> None:
    done = run_script(*tiny, "--dbt", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "There is no " in done.stderr


def test_a_result_that_has_no_folder_is_wrong_use_before_anything_is_measured(tiny: list[str], tmp_path: Path) -> None:
    done = run_script(*tiny, "--json", str(tmp_path / "nowhere" / "benchmark.json"))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no folder for ") and done.stderr.count("\n") == 1
