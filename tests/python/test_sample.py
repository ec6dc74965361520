"""The sample data covers what it must, is what its script writes, and the marts give the answers planted in it.

scripts/generate_sample.py writes the rows and the answers from the same stories; see there what each user does.
"""

import csv
import json
import math
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Dbt, DbtRun

PROJECT = Path(__file__).resolve().parents[2]
TABLES = ("journeys", "journey_steps", "journey_events", "user_events")
GRAINS = {
    "journey_overview": ("journey_id",),
    "journey_overview_daily": ("journey_id", "date_day"),
    "journey_entry_cohorts": ("journey_id", "cohort_date"),
    "journey_step_channel_metrics": ("journey_id", "step_id"),
    "journey_step_outcomes": ("journey_id", "step_id", "outcome"),
    "journey_step_flow": ("journey_id", "step_id"),
    "journey_step_transitions": ("journey_id", "transition_kind", "from_step_id", "to_step_id"),
    "journey_metric_users": ("metric", "journey_id", "step_id", "outcome", "user_id"),
    "load_reconciliation": ("raw_table",),
    "rejected_events": ("raw_table", "reason", "event_id", "occurred_at_raw", "loaded_at"),
}

Row = dict[str, Any]


def sample_path(table: str) -> Path:
    return PROJECT / "seeds/sample" / f"{table}.csv"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    planted: dict[str, Any] = json.loads((PROJECT / "tests/python/planted_truth.json").read_text())
    return planted


@pytest.fixture(scope="module")
def raw() -> dict[str, list[Row]]:
    tables = {}
    for table in TABLES:
        with sample_path(table).open(newline="") as lines:
            tables[table] = [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]
    return tables


@pytest.fixture(scope="module")
def events(raw: dict[str, list[Row]]) -> list[Row]:
    """Journey events that are neither rejected nor repeated, tidy, with `at`."""
    seen: set[str] = set()
    tidy = []
    for row in raw["journey_events"]:
        at = read_time(row["occurred_at"])
        if at and all(row[name] for name in ("event_id", "user_id", "event_type", "loaded_at")):
            if row["event_id"] not in seen:
                tidy.append({name: (value or "").strip() for name, value in row.items()} | {"at": at})
            seen.add(row["event_id"])
    return tidy


def read_time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat((text or "").strip().replace("z", "Z").replace(" +", "+"))
    except ValueError:
        return None
    return (at - (at.utcoffset() or timedelta())).replace(tzinfo=None)


def moments(events: list[Row], event_type: str) -> dict[tuple[str, str], list[datetime]]:
    found = defaultdict(list)
    for event in events:
        if event["event_type"].lower() == event_type:
            found[event["journey_id"], event["user_id"]].append(event["at"])
    return found


def run_script(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts/generate_sample.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_unit_tests_pass_in_a_full_refresh_too(dbt: Dbt, tmp_path: Path) -> None:
    # A full refresh asks each table for its last batch, and a unit test has no table.
    selected = ("--select", "+int_journey_event_rows", "--exclude-resource-type", "test")
    dbt("build", "--full-refresh", *selected, database=tmp_path / "build.duckdb")


def test_some_models_build_into_a_new_file_with_the_tests_that_need_no_other(dbt: Dbt, tmp_path: Path) -> None:
    selected = ("--select", "+rejected_events", "--exclude-resource-type", "unit_test")
    dbt("build", *selected, database=tmp_path / "build.duckdb")


def test_the_files_are_what_the_script_writes() -> None:
    done = run_script(PROJECT, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_the_stale_file_and_leaves_it_alone(tmp_path: Path) -> None:
    for folder in ("scripts", "seeds/sample"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    stale = tmp_path / "seeds/sample/journeys.csv"
    stale.write_text("edited by hand\n")
    checked = run_script(tmp_path, "--check")
    assert checked.returncode == 1
    assert checked.stderr.count("\n") == 1
    assert "seeds/sample/journeys.csv, tests/python/planted_truth.json" in checked.stderr
    assert stale.read_text() == "edited by hand\n"
    assert run_script(tmp_path).returncode == 0
    assert stale.read_bytes() == sample_path("journeys").read_bytes()


def test_the_files_are_plain_csv_where_an_empty_field_is_null(raw: dict[str, list[Row]]) -> None:
    for table in TABLES:
        data = sample_path(table).read_bytes()
        assert b"\r" not in data, f"{table}.csv: lines end in LF alone"
        assert not re.search(rb'(^|,)""(,|$)', data, re.MULTILINE), f"{table}.csv: a null is not quoted"
        assert all(None not in row for row in raw[table]), f"{table}.csv: a row has too many fields"


def test_the_sample_is_small_and_of_january_and_february(raw: dict[str, list[Row]]) -> None:
    assert 1000 <= len(raw["journey_events"]) <= 1500
    assert 200 <= len(raw["user_events"]) <= 400
    users = {row["user_id"].strip() for table in TABLES[2:] for row in raw[table] if (row["user_id"] or "").strip()}
    assert 100 <= len(users) <= 160
    assert {user for user in users if not re.fullmatch(r"u?\d+", user)} == {"=cmd|calc", "'; drop table users; --"}
    assert {"007", "7"} <= users
    loads = {row["loaded_at"] for rows in raw.values() for row in rows if row["loaded_at"]}
    assert "2026-01-01" <= min(loads) <= max(loads) < "2026-03-01"
    assert all(re.fullmatch(r"2026-\d\d-\d\d 12:00:00\.000000", load) for load in loads)


def test_the_sample_has_every_step_type_and_definitions_of_every_kind(raw: dict[str, list[Row]]) -> None:
    types = {(row["step_type"] or "none").lower() for row in raw["journey_steps"]}
    assert types == {"mobile_push", "email", "sms", "in_app", "custom", "wait", "branch", "phone_call", "none"}
    for table, columns in (("journeys", ("journey_id",)), ("journey_steps", ("journey_id", "step_id"))):
        loads = defaultdict(list)
        for row in raw[table]:
            loads[tuple(row[column] for column in columns)].append(row["loaded_at"])
        replaced = [times for times in loads.values() if len(times) > 1]
        assert replaced, f"{table}: no definition is replaced"
        rising = table == "journeys"
        assert all((times == sorted(times)) == rising for times in replaced), f"{table}: order of the rows"
    defined = {row["journey_id"]: row for row in raw["journeys"]}
    used = {row["journey_id"] for row in raw["journey_events"] if row["journey_id"]}
    assert used - defined.keys() == {"spring_sale"}
    assert defined.keys() - used == {"policy_notice"}
    assert any(row["conversion_event_name"] is None for row in defined.values())
    assert any(row["attribution_window_minutes"] is None and row["conversion_event_name"] for row in defined.values())
    steps = {(row["journey_id"], row["step_id"]) for row in raw["journey_steps"]}
    assert any(row["journey_id"] in defined and (row["journey_id"], row["step_id"]) not in steps
               for row in raw["journey_events"] if row["event_type"] == "step_entered")  # fmt: skip
    first_load = min(row["loaded_at"] for row in raw["journey_events"] if row["journey_id"] == "win_back")
    assert first_load < defined["win_back"]["loaded_at"], "no definition comes after its events"


def test_the_sample_has_every_event_type_platform_and_written_time(raw: dict[str, list[Row]]) -> None:
    written = {row["event_type"] for row in raw["journey_events"] if row["event_type"]}
    assert {word.strip().lower() for word in written} - {"step_skipped"} == {
        "journey_entered", "journey_exited", "step_entered", "step_outcome",
        "message_sent", "message_failed", "message_shown", "message_clicked",
    }  # fmt: skip
    assert any(word != word.strip().lower() for word in written)
    assert {row["platform"] for row in raw["journey_events"]} >= {"android", "ios", "web", "ANDROID", None}
    assert any(row["event_type"] == "step_outcome" and row["outcome"] is None for row in raw["journey_events"])
    times = [row["occurred_at"] for table in TABLES[2:] for row in raw[table] if row["occurred_at"]]
    day, clock = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d"
    without_offset = [day, rf"{day} \d\d:\d\d", rf"{day} {clock}\.\d{{6}}"]
    in_utc = [rf"{day}T{clock}Z", rf"{day}T{clock}\.\d{{9}}Z", rf"{day} {clock},\d+z"]
    for form in without_offset + in_utc + [rf"{day}T{clock}\+05:30", rf"{day}t{clock}-0330", rf" {day} {clock} \+01"]:
        assert any(re.fullmatch(form, time) for time in times), f"no time is written like {form}"


def test_the_sample_has_a_reject_for_every_reason(raw: dict[str, list[Row]], truth: dict[str, Any]) -> None:
    columns = truth["tables"]["rejected_events"]["columns"]
    rejected = [dict(zip(columns, row, strict=True)) for row in truth["tables"]["rejected_events"]["rows"]]
    shared = {"missing_event_id", "missing_user_id", "missing_loaded_at", "unreadable_time", "from_the_future"}
    for table, own in (("journey_events", {"missing_journey_id", "unknown_event_type", "missing_step_id"}),
                       ("user_events", {"missing_event_name"})):  # fmt: skip
        of_table = [row for row in rejected if row["raw_table"] == table]
        assert {row["reason"] for row in of_table} == shared | own
        found = Counter((row["event_id"], row["occurred_at"], row["loaded_at"]) for row in raw[table])
        told = Counter((row["event_id"], row["occurred_at_raw"], row["loaded_at"]) for row in of_table)
        assert told <= found, f"{table}: rejected rows that are not in the file: {told - found}"
    ahead = {at - datetime.fromisoformat(row["loaded_at"]) for table in TABLES[2:] for row in raw[table]
             if row["loaded_at"] and (at := read_time(row["occurred_at"]))}  # fmt: skip
    assert {timedelta(hours=1), timedelta(hours=1, microseconds=1)} <= ahead, "the clock skew is tried at its boundary"


def test_the_sample_has_late_and_repeated_rows(raw: dict[str, list[Row]]) -> None:
    for table in TABLES[2:]:
        versions = defaultdict(list)
        for row in raw[table]:
            if row["event_id"]:
                versions[row["event_id"]].append(row)
        repeated = [rows for rows in versions.values() if len(rows) > 1]
        pairs = [(rows[0], other) for rows in repeated for other in rows[1:]]
        changed = [{name for name in first if first[name] != other[name]} for first, other in pairs]
        assert any("occurred_at" in names and "loaded_at" not in names for names in changed), f"{table}: no tie"
        assert any(names - {"occurred_at", "loaded_at"} for names in changed), f"{table}: no other content"
    delays = [datetime.fromisoformat(row["loaded_at"]) - at for row in raw["journey_events"]
              if row["loaded_at"] and (at := read_time(row["occurred_at"]))]  # fmt: skip
    assert sum(delay > timedelta(days=3) for delay in delays) > 5
    assert {row["event_id"] for row in raw["journey_events"]} & {row["event_id"] for row in raw["user_events"]} - {None}


def test_the_sample_has_reentries_ties_and_unmatched_events(events: list[Row]) -> None:
    entered, visited, exited = (moments(events, name) for name in ("journey_entered", "step_entered", "journey_exited"))
    assert sum(len(times) > 1 for times in entered.values()) >= 5
    assert any(len(times) > len(set(times)) for times in entered.values()), "two entries in one instant"
    assert any(len(times) > len(set(times)) for times in visited.values()), "two visits in one instant"
    assert any(times == exited[pair] for pair, times in entered.items()), "an exit at the instant of the entry"
    assert visited.keys() - entered.keys(), "visits of a user who never entered"
    assert any(min(times) < min(entered[pair]) for pair, times in visited.items() if pair in entered)
    runs = defaultdict(list)
    for event in events:
        if event["user_id"] == "u060":
            runs[event["journey_instance_id"]].append(event["at"])
    assert min(runs["b"]) < max(runs["a"]) < max(runs["b"]), "interleaved runs"


def test_the_sample_tries_the_window_at_its_boundary(raw: dict[str, list[Row]], events: list[Row]) -> None:
    definition = [row for row in raw["journeys"] if row["conversion_event_name"]]
    gaps: defaultdict[str, set[timedelta]] = defaultdict(set)
    for journey in definition:
        name = journey["conversion_event_name"].strip().lower()
        for (journey_id, user), exits in moments(events, "journey_exited").items():
            if journey_id == journey["journey_id"]:
                funded = [row for row in raw["user_events"] if (row["user_id"], row["event_name"]) == (user, name)]
                gaps[journey_id] |= {at - exits[0] for row in funded if (at := read_time(row["occurred_at"]))}
    step = timedelta(microseconds=1)
    assert {timedelta(hours=6), timedelta(days=2), timedelta(days=1), timedelta(days=1) + step} <= gaps["welcome"]
    assert {timedelta(), step} <= gaps["win_back"]
    triggers = {row["trigger_event_id"] for row in raw["journey_events"] if row["trigger_event_id"]}
    assert triggers <= {row["event_id"] for row in raw["user_events"] if row["event_name"] == "order_placed"}
    assert triggers
    complete = max(row["loaded_at"] for row in events if not row["loaded_at"].startswith("2026-02-28"))
    assert complete == "2026-02-27 12:00:00.000000"


def test_every_running_journey_has_entries_in_every_state_it_can_have(truth: dict[str, Any]) -> None:
    planted = truth["tables"]["journey_overview"]
    rows = {row[0]: dict(zip(planted["columns"], row, strict=True)) for row in planted["rows"]}
    for journey in ("welcome", "cart_recovery", "loan_application", "win_back", "spring_sale"):
        states = ["active_entries", "exited_window_open_entries", "exited_window_closed_entries", "converted_entries"]
        defined = rows[journey]["conversion_event_name"] is not None
        assert all(rows[journey][state] > 0 for state in states[: 4 if defined else 3]), f"{journey}: {rows[journey]}"


def as_planted(value: object) -> object:
    """A published value in the words of planted_truth.json."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    return value.isoformat() if isinstance(value, date) else value


def is_same(planted: object, published: object) -> bool:
    if isinstance(planted, float) and isinstance(published, float):
        return math.isclose(planted, published, rel_tol=1e-12)
    return planted == published


def by_key(table: str, columns: list[str], rows: list[list[Any]]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by grain; several only where the grain is broken, or for rejected rows that look alike."""
    found = defaultdict(list)
    for values in rows:
        row = dict(zip(columns, map(as_planted, values), strict=True))
        found[tuple(row[column] for column in GRAINS[table])].append(row)
    return {key: sorted(alike, key=str) for key, alike in found.items()}


def differences(table: str, columns: list[str], planted: list[list[Any]], published: list[list[Any]]) -> list[str]:
    """One line per row that is missing, invented or wrong in a column."""
    wanted, got = by_key(table, columns, planted), by_key(table, columns, published)
    found = []
    for key in sorted({*wanted, *got}, key=str):
        place = f"{table} [{', '.join(f'{name}={value}' for name, value in zip(GRAINS[table], key, strict=True))}]"
        here, there = wanted.get(key, []), got.get(key, [])
        if len(here) != len(there):
            found.append(f"{place}: {len(here)} rows planted, {len(there)} published")
            continue
        for mine, other in zip(here, there, strict=True):
            found += [f"{place} {name}: planted {mine[name]!r}, published {other[name]!r}"
                      for name in columns if not is_same(mine[name], other[name])]  # fmt: skip
    return found


def test_marts_recover_the_planted_truth(sample_database: Path, truth: dict[str, Any]) -> None:
    assert truth["tables"].keys() == GRAINS.keys()
    found: list[str] = []
    with duckdb.connect(str(sample_database), read_only=True) as database:
        for table, planted in truth["tables"].items():
            columns = planted["columns"]
            published = database.execute(f"select {', '.join(columns)} from marts.{table}").fetchall()
            if table == "journey_metric_users":
                listed = {row[columns.index("metric")] for row in planted["rows"]}
                published = [row for row in published if row[columns.index("metric")] in listed]
            wrong = differences(table, columns, planted["rows"], [list(row) for row in published])
            found += wrong[:10] + [f"{table}: {len(wrong) - 10} more differences"] * (len(wrong) > 10)
    users = {user for line in found for user in re.findall(r"user_id=(.*)\]", line)}
    stories = [story for story in truth["stories"] if story.split(" in ")[0] in users]
    report = ["The marts differ from the planted truth:", *found, "The stories of the users named:", *stories]
    assert not found, "\n".join(report)


def test_columns_that_ask_for_it_are_stored_uncompressed_and_others_are_not(sample_build: DbtRun) -> None:
    nodes = sample_build.read_artifact("manifest")["nodes"].values()
    asked = {node["name"]: node["config"]["meta"].get("uncompressed", []) for node in nodes}
    compressions = """
        select column_name, list(distinct compression) from pragma_storage_info(?)
        where segment_type = 'VARCHAR' group by column_name
    """
    assert any(asked.values())
    with duckdb.connect(str(sample_build.database), read_only=True) as database:
        for model in filter(asked.get, asked):
            found = dict(database.execute(compressions, [f"intermediate.{model}"]).fetchall())
            assert {column for column in found if found[column] == ["Uncompressed"]} == set(asked[model]), model
