"""`scripts/show_overview.py` shows each journey with its published numbers."""

import subprocess
import sys
from pathlib import Path

import duckdb
from conftest import PROJECT


def run_script(database: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "scripts" / "show_overview.py"), "--database", str(database)]
    return subprocess.run(command, capture_output=True, text=True)


def test_each_journey_is_a_line_with_its_numbers_and_a_missing_rate_is_a_dash(tmp_path: Path) -> None:
    columns = "messages_sent, total_entries, entry_user_count, converted_users, conversion_rate_pct, total_exits"
    with duckdb.connect(str(tmp_path / "small.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute(f"""
            create table marts.journey_overview as
            select *, timestamp '2026-02-27 12:00:00' as data_complete_at
            from (values
                ('[b]quiet' || chr(27) || '[2J', 0, 0, 0, 0, null, 0, 0), ('welcome', 12345, 9, 8, 1, 12.5, 7, 2))
                as overview (journey_id, {columns}, active_entries)
        """)
    done = run_script(tmp_path / "small.duckdb")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    largest, smallest = ["welcome", "12,345", "9", "8", "1", "12.5", "7", "2"], ["[b]quiet\\x1b[2J", *"0000-00"]
    assert lines.index(largest) + 1 == lines.index(smallest)
    assert "2026-02-27 12:00:00 UTC" in done.stdout


def test_the_sample_has_an_overview(sample_database: Path) -> None:
    done = run_script(sample_database)
    assert done.returncode == 0, done.stderr
    assert {"welcome", "cart_recovery"} <= {line.split()[0] for line in done.stdout.splitlines() if line.strip()}


def test_marts_without_events_say_so(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as connection:
        columns = "messages_sent, total_entries, entry_user_count, converted_users, conversion_rate_pct, total_exits"
        values = ", ".join(f"0 as {column}" for column in f"{columns}, active_entries".split(", "))
        connection.execute(f"""
            create schema marts;
            create table marts.journey_overview as
            select 'defined' as journey_id, {values}, cast(null as timestamp) as data_complete_at
        """)
    done = run_script(tmp_path / "empty.duckdb")
    assert done.returncode == 0, done.stderr
    assert "No event has been accepted yet" in " ".join(done.stdout.split()) and "None" not in done.stdout


def test_a_missing_database_is_wrong_use(tmp_path: Path) -> None:
    done = run_script(tmp_path / "nowhere.duckdb")
    assert done.returncode == 2
    assert "There is no database" in done.stderr and "Traceback" not in done.stderr


def test_an_overview_that_cannot_be_printed_is_one_sentence(sample_database: Path) -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "show_overview.py"), "--database", str(sample_database)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "Error: No space left on device.\n"
