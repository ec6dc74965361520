"""`scripts/refresh_marts.py`: what a run leaves behind when it succeeds, fails, or is killed at any moment.

Most runs here have a stand-in for dbt, a few lines that build small marts in no time: whatever surrounds the build is
tried with it. Runs with dbt itself are chained, because each takes as long as a build.
"""

import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
import worlds
from conftest import PROJECT, Dbt
from test_worlds import published_differences

SCRIPTS = PROJECT / "scripts"

# Builds marts of which every table says which version it is. `plan.json` in the folder of the build file says how.
STAND_IN = """
import pathlib, time, uuid
import duckdb
build_file = pathlib.Path(os.environ["JOURNEY_DUCKDB_PATH"])
plan = json.loads((build_file.parent / "plan.json").read_text())
command = json.loads(sys.argv[2])[1]
(build_file.parent / "command.json").write_text(json.dumps(command))
(build_file.parent / "variables.json").write_text(json.dumps([name for name in os.environ if name.startswith("DBT_")]))
target = pathlib.Path(command[command.index("--target-path") + 1])
target.mkdir(parents=True, exist_ok=True)
def say(name, msg, **data):
    info = {"name": name, "msg": msg, "invocation_id": str(uuid.uuid4())}
    print(json.dumps({"info": info, "data": data}), flush=True)
say("MainReportVersion", "Running with the stand-in")
say("RunResultError", "Runtime Error\\n  a complaint of freshness")
say("MainReportVersion", "Running with the stand-in")
(build_file.parent / "child.pid").write_text(str(os.getpid()))
while not (build_file.parent / "go").exists():
    time.sleep(0.01)
for error in plan.get("errors", []):
    say("RunResultError", f"Runtime Error in model x (models/x.sql)\\n  {error}", node_info={"node_name": "x"})
if plan.get("errors"):
    sys.exit(1)
version, rows = plan["version"], plan.get("rows", 20_000)
with duckdb.connect(str(build_file)) as connection:
    raw_schema = plan.get("raw_schema", "raw")
    connection.execute(f"create schema if not exists marts; create schema if not exists {raw_schema}")
    rows = f"select {version} as version, range as i from range({rows})"
    connection.execute(f"create or replace table marts.first as {rows}")
    connection.execute("comment on table marts.first is 'It''s the first.'; comment on column marts.first.i is 'Eye.'")
    connection.execute("create or replace view marts.second as select version, md5(i::text) as hash from marts.first")
    connection.execute("comment on view marts.second is 'A view.'; comment on column marts.second.hash is 'Hash.'")
    for table in ("journeys", "journey_steps", "journey_events", "user_events"):
        connection.execute(f"create or replace table {raw_schema}.{table} as from range({version} * 10)")
    if "spoil" in plan:
        connection.execute(plan["spoil"])
names = {"first": "model", "second": "model", "first_is_good": "test"}
nodes = {name: {"alias": name, "resource_type": kind, "schema": "marts", "tags": []} for name, kind in names.items()}
good = plan.get("lists_are_good", True)
nodes["first_is_good"] |= {"name": "first_is_good", "tags": ["user_lists"], "raw_code": f"select 1 where not {good}"}
sources = ("journeys", "journey_steps", "journey_events", "user_events")
columns = {"sources": {name: {"name": name, "schema": raw_schema, "columns": {}} for name in sources}}
if plan.get("is_sample"):
    nodes["seed"] = {"alias": "journeys", "resource_type": "seed", "schema": "raw", "tags": []}
(target / "manifest.json").write_text(json.dumps({"nodes": nodes} | columns))
result = {"unique_id": "source.p.raw.user_events", "status": "warn", "max_loaded_at": "2026-01-01T00:00:00+00:00"}
(target / "sources.json").write_text(json.dumps({"results": [result]}))
"""
script: Any = importlib.import_module("refresh_marts")
dbt_build: Any = importlib.import_module("dbt_build")
user_lists: Any = importlib.import_module("user_lists")
WITH_STAND_IN = dbt_build.DBT.partition("from dbt.cli")[0] + STAND_IN
LAUNCH = f"""
import ctypes, os, resource, signal, sys
sys.path.insert(0, {str(SCRIPTS)!r})
import dbt_build, refresh_marts
dbt_build.DBT = {WITH_STAND_IN!r}
# What a shell starts in the background ignores the first, what `nohup` starts the second, and so would their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
# Dies at the given call of a C function, or return from one, that the scripts make.
KILL_AT = f"""
calls, last = 0, int(os.environ["TEST_KILL_AT"])
def count(frame, event, function):
    global calls
    if event in ("c_call", "c_return") and frame.f_code.co_filename.startswith({str(SCRIPTS)!r}):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
import atexit
atexit.register(lambda: print("calls:", calls, file=sys.stderr))
sys.setprofile(count)
"""
WRITER = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("create table marts.mine as select 1 as one")
print("written", flush=True)
time.sleep(60)
"""
READER = """
import sys, time
import duckdb
seen = set()
while True:
    time.sleep(0.002)
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            tables = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
            read = [connection.execute(f"select count(*) from marts.{table}").fetchone() for table, in tables]
            line = f"{tables} {read}"
    except duckdb.Error as error:
        line = f"BROKEN {error}"
    if line not in seen:  # a pipe that nobody empties would stop this
        seen.add(line)
        print(line, flush=True)
"""


class Place:
    """A build folder, a folder for readers, and runs between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("build", "public", "raw"):
            (folder / name).mkdir()
        self.build = folder / "build" / "work.duckdb"
        self.published = folder / "public" / "journeys.duckdb"
        (folder / "build" / "go").touch()
        self.plan(version=1)

    def plan(self, **plan: object) -> None:
        (self.folder / "build" / "plan.json").write_text(json.dumps(plan))

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("JOURNEY_", "DBT_"))}
        own = {"JOURNEY_DUCKDB_PATH": str(self.build), "JOURNEY_PUBLISHED_PATH": str(self.published)}
        own |= {"JOURNEY_RAW_PATH": str(self.folder / "raw"), "DBT_TARGET_PATH": str(self.folder / "target")}
        return kept | own | {"DBT_LOG_PATH": str(self.folder / "logs")} | variables

    def start(self, *arguments: str, before: str = "", **variables: str) -> subprocess.Popen[str]:
        """Start a run with the stand-in; `before` is code that goes first."""
        program = LAUNCH + before + "\nrefresh_marts.run_command(refresh_marts.refresh_marts)"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**variables),
        )

    def run(self, *arguments: str, before: str = "", **variables: str) -> "Done":
        """Run with the stand-in: in this process, which is quicker, unless code goes first."""
        if not before:
            code, stdout, stderr = 0, io.StringIO(), io.StringIO()
            with (
                patch("sys.argv", ["refresh_marts.py", *arguments]),
                patch.dict("os.environ", self.environment(**variables), clear=True),
                patch.object(dbt_build, "DBT", WITH_STAND_IN),
                redirect_stdout(stdout),
                redirect_stderr(stderr),
            ):
                try:
                    script.run_command(script.refresh_marts)
                except SystemExit as end:
                    code = int(end.code or 0)
            return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())
        child = self.start(*arguments, before=before, **variables)
        said = child.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, child.returncode, *said)

    def publish(self, version: int, *arguments: str) -> dict[str, Any]:
        self.plan(version=version)
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def version(self) -> int:
        """The version that readers see; all of it must be there."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            found = connection.execute("""
                select version, count(*), count(distinct i) from marts.first group by version
                union all select version, count(*), count(distinct hash) from marts.second group by version
            """).fetchall()
        assert len(found) == 2 and found[0] == found[1], found
        return int(found[0][0])

    def history(self) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.published), read_only=True) as connection:
            return connection.execute("select status, message from marts.run_history order by started_at").fetchall()

    def move_history(self, days: int) -> None:
        """Let the runs so far have started so many days later, or earlier."""
        history = script.history_path(self.published)
        records = [json.loads(line) for line in history.read_text().splitlines()]
        for record in records:
            record["started_at"] = (datetime.fromisoformat(record["started_at"]) + timedelta(days=days)).isoformat()
        history.write_text("".join(json.dumps(record) + "\n" for record in records))

    def names(self) -> list[str]:
        """What is in the folder for readers, with the time of each kept file as a letter: the oldest is `a`."""
        letters: dict[str, str] = {}
        names = []
        for name in sorted(os.listdir(self.published.parent)):
            moment = re.search(r"\d{8}T\d{12}Z", name)
            letter = letters.setdefault(moment[0], chr(97 + len(letters))) if moment else ""
            names.append(name.replace(moment[0], letter) if moment else name)
        return names


Done = subprocess.CompletedProcess[Any]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def assert_refused(done: Done, code: int, *words: str) -> None:
    """One sentence on stderr, nothing on stdout."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr


def wait_for(path: Path, child: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert child.poll() is None and time.monotonic() < deadline, child.communicate()[1]
        time.sleep(0.01)
    return path.read_text()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be buried has."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@contextmanager
def held_build(place: Place, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run whose dbt waits, with the process id of that dbt."""
    (place.folder / "build" / "child.pid").unlink(missing_ok=True)
    (place.folder / "build" / "go").unlink()
    child = place.start(*arguments)
    try:
        yield child, int(wait_for(place.folder / "build" / "child.pid", child))
    finally:
        (place.folder / "build" / "go").touch()
        child.kill()
        child.communicate()


# What a run publishes


def test_a_run_publishes_the_marts_with_their_comments_and_says_so(place: Place) -> None:
    summary = place.publish(3)
    assert summary["status"] == "published" and summary["exit_code"] == 0
    assert summary["published_path"] == str(place.published)
    assert summary["published_rows"] == {"first": 20_000, "second": 20_000, "run_history": 1}
    assert summary["user_events_loaded_rows"] == 30
    assert summary["freshness"] == {"user_events": "STALE, newest 2026-01-01T00:00:00"}
    assert place.version() == 3
    with duckdb.connect(str(place.published), read_only=True) as connection:
        tables = connection.execute("select table_name, comment from duckdb_tables() order by 1").fetchall()
        about_second = "select column_name, comment from duckdb_columns() where table_name = 'second'"
        columns = connection.execute(about_second).fetchall()
        storage = connection.execute("select tags from duckdb_databases() where not internal").fetchall()
        assert tables[0] == ("first", "It's the first.") and tables[2] == ("second", "A view.")
        assert tables[1][0] == "run_history" and tables[1][1]
        assert columns == [("version", None), ("hash", "Hash.")]
        assert "v1.4.0" in str(storage)
    assert place.names() == ["journeys.a.duckdb", "journeys.duckdb", "journeys.duckdb.lock", "journeys.runs.jsonl"]


def test_a_published_file_has_the_usual_rights(place: Place) -> None:
    place.publish(1)
    (place.folder / "other").touch()
    assert place.published.stat().st_mode == (place.folder / "other").stat().st_mode


def test_what_people_read_goes_to_stderr(place: Place) -> None:
    done = place.run()
    assert (done.returncode, done.stdout) == (0, "")
    assert "marts.second" in done.stderr and "STALE" in done.stderr and "+10" in done.stderr


def test_a_view_is_computed_again_only_when_something_behind_it_has_changed(place: Place) -> None:
    # The stand-in builds the same table anew, but its view says something else each time it is asked.
    columns = "version, md5(i::text) as hash, now() as asked_at"
    moment = f"create or replace view marts.second as select {columns} from marts.first"

    def asked_at(version: int, spoil: str = moment) -> list[Any]:
        place.plan(version=version, spoil=spoil)
        assert place.run().returncode == 0
        assert place.version() == version
        with duckdb.connect(str(place.published), read_only=True) as connection:
            return connection.execute("select distinct asked_at from marts.second").fetchall()

    first = asked_at(1)
    assert asked_at(1) == first
    place.move_history(days=-1)
    daily = asked_at(1)
    assert daily != first, "a run that tests everything makes everything anew"
    assert asked_at(1) == daily
    changed = asked_at(2)
    assert changed != first
    # What is published now is the first state, which the build is not.
    assert place.run("--rollback").returncode == 0 and place.version() == 1
    again = asked_at(2)
    assert again not in (first, changed)
    assert asked_at(2, moment.replace("i::text", "(i + 1)::text")) != again
    assert place.history()[-1] == ("published", None)


def test_a_damaged_published_file_is_made_anew(place: Place) -> None:
    place.publish(1)
    moment = place.published.stat().st_mtime_ns
    with place.published.open("r+b") as file:
        for at in range(99_999, place.published.stat().st_size, 99_999):
            file.seek(at)
            file.write(b"x")
    os.utime(place.published, ns=(moment, moment))
    (warning,) = place.publish(1)["warnings"]
    assert warning.startswith("All lists are made anew: ")
    assert place.version() == 1


def test_a_run_on_the_sample_says_so(place: Place) -> None:
    place.plan(version=1, is_sample=True)
    (warning,) = json.loads(place.run("--json").stdout)["warnings"]
    assert "sample" in warning and "JOURNEY_RAW_PATH" in warning
    assert not place.publish(1)["warnings"]


def test_raw_tables_of_any_schema_are_not_read_to_see_what_has_changed(place: Place) -> None:
    place.plan(version=1, raw_schema="landing")
    assert place.run().returncode == 0
    place.plan(version=1, raw_schema="landing", spoil="update landing.user_events set range = -1")
    assert place.run().returncode == 0
    states = [json.loads(line).get("made_of") for line in place.published.with_suffix(".runs.jsonl").open()]
    assert len({state for state in states if state}) == 1


def test_loaded_rows_are_those_delivered_since_the_last_published_run(place: Place) -> None:
    place.publish(1)
    place.plan(version=2, errors=["no"])
    assert place.run().returncode == 1
    assert place.publish(5, "--full-refresh")["journeys_loaded_rows"] == 40
    assert place.publish(5)["journeys_loaded_rows"] == 0
    place.move_history(days=400)  # and now the clock is turned back
    assert place.publish(6)["journeys_loaded_rows"] == 10
    assert place.publish(6)["journeys_loaded_rows"] == 0


def test_the_history_holds_every_run(place: Place) -> None:
    place.publish(1)
    place.plan(version=2, errors=["no good"])
    place.run()
    with held_build(place) as (child, _):
        child.send_signal(signal.SIGKILL)
        child.wait()
    place.publish(2)
    place.publish(3)
    assert place.run("--rollback").returncode == 0
    place.publish(4)
    said = [("published", None), ("failed", "The build failed, nothing is published: x: no good."), ("killed", None)]
    rolled_back = place.history().pop(-2)
    assert place.history()[:5] == [*said, ("published", None), ("published", None)]
    assert rolled_back[0] == "rolled_back" and re.fullmatch(r"Published .* again in place of .*", rolled_back[1])
    with duckdb.connect(str(place.build), read_only=True) as connection:
        [(rows,)] = connection.execute("select count(*) from marts.run_history").fetchall()
    assert rows == len(place.history()) == 7


def test_the_whole_history_is_tested_at_first_after_a_full_refresh_and_every_day(place: Place) -> None:
    def excluded(version: int, *arguments: str) -> bool:
        place.publish(version, *arguments)
        return "tag:whole_history" in json.loads((place.build.parent / "command.json").read_text())

    assert not excluded(1)
    assert excluded(2)
    assert not excluded(3, "--full-refresh")
    assert excluded(4)
    place.move_history(days=-1)
    place.plan(version=5, errors=["a test that fails"])
    assert place.run().returncode == 1
    assert not excluded(6), "the run that failed has tested nothing that is published"
    assert excluded(7)


def test_lists_are_tested_in_the_new_file(place: Place) -> None:
    place.publish(1)
    assert "tag:user_lists" in json.loads((place.build.parent / "command.json").read_text())
    place.plan(version=2, lists_are_good=False)
    assert_refused(place.run(), 1, "The lists of users do not pass first_is_good")
    assert place.version() == 1


def test_a_line_of_the_history_that_was_cut_short_is_left_out(place: Place) -> None:
    place.publish(1)
    with (place.published.parent / "journeys.runs.jsonl").open("a") as file:
        file.write('{"started_at": "2026-01-01T00:00')
    place.publish(2)
    place.publish(3)
    assert [status for status, _ in place.history()] == ["published"] * 3


def test_dbt_does_not_take_its_options_from_the_shell(place: Place) -> None:
    done = place.run(DBT_RESOURCE_TYPES="seed", DBT_WRITE_JSON="false", DBT_ENV_SECRET_KEY="k")
    assert done.returncode == 0
    variables = json.loads((place.build.parent / "variables.json").read_text())
    assert sorted(variables) == ["DBT_ENV_SECRET_KEY", "DBT_LOG_PATH"]


def test_what_a_writer_left_beside_the_published_file_stops_no_reader(place: Place) -> None:
    place.publish(1)
    log = place.published.with_name(place.published.name + ".wal")
    for version, arguments in ((2, []), (1, ["--rollback"])):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(place.published)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout and writer.stdout.readline()
            writer.kill()
        assert log.exists()
        place.plan(version=2)
        assert place.run(*arguments).returncode == 0
        assert place.version() == version


# Kept files


def test_the_last_files_are_kept(place: Place) -> None:
    for version in (1, 2, 3):
        summary = place.publish(version, "--keep", "2")
    assert len(summary["kept_files"]) == 2
    assert place.names()[:3] == ["journeys.a.duckdb", "journeys.b.duckdb", "journeys.duckdb"]
    assert place.published.samefile(place.published.parent / summary["kept_files"][-1])


def test_a_rollback_goes_back_one_published_file_each_time(place: Place) -> None:
    for version in (1, 2, 3):
        place.publish(version)
    done = place.run("--rollback", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "rolled_back"
    assert place.version() == 2
    place.publish(4)
    assert place.run("--rollback").returncode == 0
    assert place.version() == 2, "3 had been withdrawn"
    assert place.run("--rollback").returncode == 0
    assert place.version() == 1
    assert_refused(place.run("--rollback"), 2, "No earlier file")
    assert_refused(place.run("--rollback", "--full-refresh"), 2, "leave out --full-refresh")
    assert place.version() == 1


def test_a_rollback_goes_back_also_when_somebody_has_touched_the_file(place: Place) -> None:
    for version in (1, 2):
        place.publish(version)
    place.published.touch()
    assert place.run("--rollback").returncode == 0
    assert place.version() == 1


def test_a_rollback_needs_no_raw_rows(place: Place) -> None:
    for version in (1, 2):
        place.publish(version)
    assert place.run("--rollback", JOURNEY_RAW_PATH=str(place.folder / "not mounted")).returncode == 0
    assert place.version() == 1


def test_a_rollback_that_is_killed_when_it_is_done_is_one(place: Place) -> None:
    for version in (1, 2):
        place.publish(version)
    killed = """
give_name = refresh_marts.give_name
def give_name_and_die(*arguments):
    give_name(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
refresh_marts.give_name = give_name_and_die
"""
    assert place.run("--rollback", before=killed).returncode == -signal.SIGKILL
    assert place.version() == 1
    place.publish(3)
    assert [status for status, _ in place.history()] == ["published", "published", "rolled_back", "published"]
    assert place.run("--rollback").returncode == 0
    assert place.version() == 1, "2 had been withdrawn"


@pytest.mark.parametrize("stream", [1, 2])
def test_what_is_published_is_a_success_also_when_nobody_can_read_of_it(place: Place, stream: int) -> None:
    full = f"os.dup2(os.open('/dev/full', os.O_WRONLY), {stream})"
    assert place.run("--json", before=full).returncode == 0
    assert place.version() == 1
    assert place.run("--json", "--rollback", before=full).returncode == 2, "there is nothing to go back to"


def test_a_file_that_somebody_else_published_is_kept_too(place: Place) -> None:
    place.publish(1)
    shutil.copy(place.published, place.folder / "restored")
    shutil.rmtree(place.published.parent)
    place.published.parent.mkdir()
    shutil.copy(place.folder / "restored", place.published)
    place.publish(2)
    assert place.run("--rollback").returncode == 0
    assert place.version() == 1


def test_a_file_system_without_links_gets_copies(place: Place) -> None:
    no_links = "\ndef no_link(*_):\n    raise PermissionError(1, 'Operation not permitted')\nos.link = no_link"
    for version in (1, 2):
        place.plan(version=version)
        done = place.run("--keep", "2", before=no_links)
        assert done.returncode == 0, done.stderr
    assert place.names()[:3] == ["journeys.a.duckdb", "journeys.b.duckdb", "journeys.duckdb"]
    assert place.published.stat().st_nlink == 1
    assert place.run("--rollback", before=no_links).returncode == 0
    assert place.version() == 1


def test_a_clock_that_was_turned_back_changes_no_order(place: Place) -> None:
    place.publish(1)
    future = place.published.parent / "journeys.20990101T000000000000Z.duckdb"
    shutil.copy(place.published, future)
    kept = place.publish(2, "--keep", "1")["kept_files"]
    assert len(kept) == 1 and kept[0] > future.name
    assert place.version() == 2


# Failures


def test_a_failed_build_publishes_nothing(place: Place) -> None:
    place.publish(1)
    before = place.published.stat()
    place.plan(version=2, errors=["the first reason", "another"])
    assert_refused(place.run(), 1, "x: the first reason (and 1 more)", "nothing is published")
    assert place.published.stat().st_ino == before.st_ino and place.version() == 1


def test_a_failure_is_one_line_of_json_too(place: Place) -> None:
    place.plan(version=2, errors=["the reason"])
    done = place.run("--json")
    assert done.stdout.count("\n") == 1 and done.stderr.count("\n") == 1
    told = json.loads(done.stdout)
    assert (told["status"], told["exit_code"]) == ("failed", 1) and "the reason" in told["message"]
    done = place.run("--json", JOURNEY_PUBLISHED_PATH="")
    assert json.loads(done.stdout)["exit_code"] == 2


@pytest.mark.parametrize(
    "spoil", ["drop view marts.second", "create or replace view marts.second as select error('no')"]
)
def test_marts_that_cannot_be_read_are_not_published(place: Place, spoil: str) -> None:
    place.publish(1)
    place.plan(version=2, spoil=spoil)
    assert_refused(place.run(), 1, "stays as it was")
    assert place.version() == 1
    assert len(place.names()) == 4


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("duckdb.connect(path).execute('delete from marts.first where i = 7')", "not what was built"),
        ("duckdb.connect(path).execute('drop table marts.second')", "not what was built"),
        (
            "f = open(path, 'r+b'); [f.write(b'x') for at in range(99_999, 999_999, 99_999) if f.seek(at)]; f.close()",
            "orrupt",
        ),
    ],
)
def test_a_copy_that_differs_from_the_build_is_not_published(place: Place, damage: str, words: str) -> None:
    place.publish(1)
    place.plan(version=2)
    damaged = f"""
import duckdb
copy = refresh_marts.copy_marts
def copy_and_damage(run, manifest, new, published=None):
    copy(run, manifest, new, published)
    path = str(new)
    {damage}
refresh_marts.copy_marts = copy_and_damage
"""
    assert_refused(place.run(before=damaged), 1, words)
    assert place.version() == 1


def test_a_full_disk_publishes_nothing(place: Place) -> None:
    place.publish(1)
    place.plan(version=2, rows=400_000)
    done = place.run(before="resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))")
    assert_refused(done, 2, "File too large")
    assert place.version() == 1 and len(place.names()) == 4
    # So little that DuckDB notices only when it completes the file.
    place.plan(version=2, rows=10)
    assert_refused(place.run(before="resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"), 2, "too large")
    assert place.version() == 1
    place.plan(version=2, errors=["Could not write file: No space left on device"])
    assert_refused(place.run(), 2, "No space left on device", "nothing is published")
    place.publish(2)
    assert place.version() == 2


# Root may write anywhere; without this ability it may not.
WITHOUT_OVERRIDE = """
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
if "TEST_AGAIN" not in os.environ:
    os.environ["TEST_AGAIN"] = "yes"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
"""


@pytest.mark.parametrize("name", ["public", "build"])
def test_a_folder_that_cannot_be_written_is_wrong_use(place: Place, name: str) -> None:
    place.publish(1)
    (place.folder / name).chmod(0o555)
    try:
        done = place.run(before=WITHOUT_OVERRIDE)
    finally:
        (place.folder / name).chmod(0o755)
    if done.returncode == 0 and not os.access("/", os.W_OK):
        pytest.skip("this user cannot give up its rights")
    assert place.version() == 1
    assert_refused(done, 2, str(place.folder / name), "Permission denied")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"JOURNEY_PUBLISHED_PATH": ""}, ["Set JOURNEY_PUBLISHED_PATH"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/nowhere/journeys.duckdb"}, ["no folder", "nowhere"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/raw"}, ["name of a schema"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/public"}, ["folder or a device"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/Marts.v2.duckdb"}, ["name of a schema", "Marts.v2.duckdb"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/staging.duckdb"}, ["name of a schema"]),
        ({"JOURNEY_DUCKDB_PATH": ":memory:"}, ["must be a file"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/copied.duckdb"}, ["name of a schema"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/o'clock.duckdb"}, ["quotation mark"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/back\\slash.duckdb"}, ["backslash"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/temp.duckdb"}, ["name of a schema"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/new\nline.duckdb"}, ["what cannot be printed"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/what?.duckdb"}, ["question mark"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/" + "x" * 230 + ".duckdb"}, ["Cannot keep files beside", "too long"]),
        ({"JOURNEY_PUBLISHED_PATH": "{folder}/itself"}, ["Cannot use a path", "itself"]),
        ({"JOURNEY_RAW_PATH": "{folder}/not mounted"}, ["JOURNEY_RAW_PATH names no folder", "not mounted"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/public/journeys.duckdb"}, ["is the build file"]),
        ({"JOURNEY_DUCKDB_PATH": "{folder}/raw/rows"}, ["Cannot use the build file", "not a valid DuckDB"]),
        ({"JOURNEY_THREADS": "two"}, ["JOURNEY_THREADS is no number of models", "two"]),
        ({"JOURNEY_THREADS": "0"}, ["JOURNEY_THREADS is no number of models"]),
        ({"JOURNEY_THREADS": "1000"}, ["JOURNEY_THREADS is no number of models"]),
        ({"JOURNEY_MEMORY_LIMIT": "plenty"}, ["JOURNEY_MEMORY_LIMIT", "plenty"]),
        ({"JOURNEY_MEMORY_LIMIT": ""}, ["JOURNEY_MEMORY_LIMIT"]),
    ],
)
def test_wrong_settings_are_refused(place: Place, variables: dict[str, str], words: list[str]) -> None:
    (place.folder / "raw" / "rows").write_text("no database")
    (place.folder / "itself").symlink_to("itself")
    named = {name: text.format(folder=place.folder) for name, text in variables.items()}
    assert_refused(place.run(**named), 2, *words)


@pytest.mark.parametrize("arguments", [["--keep", "0"], ["--keep", "many"], ["--republish"], ["now"]])
def test_wrong_use_is_refused(place: Place, arguments: list[str]) -> None:
    assert_refused(place.run(*arguments), 2)


def test_a_missing_dbt_is_said(place: Place) -> None:
    no_dbt = 'dbt_build.DBT = "import json, no_such_module"'
    assert_refused(place.run(before=no_dbt), 1, "No module named 'no_such_module'")
    assert_refused(
        place.run(before=no_dbt.replace("no_such_module", "dbt_that_is_not_there")), 2, "dbt is not installed"
    )


def test_a_missing_dbt_postgres_is_said() -> None:
    """As dbt says it, which names the credentials first."""
    dbt_build = importlib.import_module("dbt_build")
    said = "Encountered an error:\nRuntime Error\n"
    said += '  Credentials in profile "journey_analytics", target "postgres" invalid: Runtime Error\n'
    said += "    Could not find adapter type postgres!"
    failure = dbt_build.explain_failure([dbt_build.essence(said, {})])
    assert failure.exit_code == 2 and "make install-postgres" in failure.message


SOURCES = {
    "sources": {
        "user_events": {
            "name": "user_events",
            "columns": {
                "event_id": {"data_type": "varchar"},
                "user_id": {"data_type": "varchar"},
                "revenue": {"data_type": "double"},
                "loaded_at": {"data_type": "timestamp"},
            },
        }
    }
}


def write_corrupt_file(path: Path) -> None:
    """Its head and its foot are good: only reading the rows shows that it is broken."""
    rows = "select 'e' || i as event_id, 'u' || hash(i) as user_id, 'purchase' as event_name, "
    rows += "'2024-03-01' as occurred_at, timestamp '2024-03-01' as loaded_at from range(20000) as t (i)"
    duckdb.connect().execute(f"copy ({rows}) to '{str(path).replace(chr(39), chr(39) * 2)}'")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"x" * (size // 2))


@pytest.mark.parametrize("broken", ["corrupt", "other type", "none"])
def test_the_broken_file_is_found_among_the_others(place: Place, broken: str) -> None:
    folder = place.folder / "raw" / "user_events" / "a [strange] folder's"
    folder.mkdir(parents=True)
    # A load time that cannot be read rejects its row, and breaks no file.
    row = "'e' as event_id, 1.5 as revenue, 'some day' as loaded_at, 1 as surprise"
    write = f"copy (select {row}) to '{str(folder).replace(chr(39), chr(39) * 2)}/%s.parquet'"
    for name in ("first", "second", "third"):
        duckdb.connect().execute(write % name)
    if broken == "corrupt":
        write_corrupt_file(folder / "second.parquet")
    if broken == "other type":
        duckdb.connect().execute((write % "second").replace("1.5", "'little'"))
    found = dbt_build.find_broken_file(place.folder / "raw", SOURCES)
    assert ("second.parquet" in found) == (broken != "none")
    assert "first" not in found and "third" not in found


# Locks and signals


def test_a_second_run_is_told_who_holds_the_lock(place: Place) -> None:
    place.publish(1)
    with held_build(place) as (child, _):
        for arguments in (["--json"], ["--rollback"]):
            started = time.monotonic()
            done = place.run(*arguments)
            assert time.monotonic() - started < 5
            assert done.returncode == 3 and f"process {child.pid} on " in done.stderr
            assert not done.stdout or json.loads(done.stdout)["status"] == "locked"
        (place.folder / "build" / "go").touch()
        assert child.wait() == 0
    assert place.publish(2)["status"] == "published"


def test_another_build_file_does_not_get_around_the_lock(place: Place) -> None:
    with held_build(place):
        assert place.run(JOURNEY_DUCKDB_PATH=str(place.folder / "other.duckdb")).returncode == 3
        assert place.run(JOURNEY_PUBLISHED_PATH=str(place.folder / "other.duckdb")).returncode == 3


def test_a_build_file_that_is_open_elsewhere_is_locked(place: Place) -> None:
    place.publish(1)
    with duckdb.connect(str(place.build)):
        assert_refused(place.run(), 3, "has the build file open", str(os.getpid()))


def test_a_lock_file_left_behind_does_not_block(place: Place) -> None:
    for path in (place.build, place.published):
        path.with_name(path.name + ".lock").write_text(f"{os.getpid()} {os.uname().nodename} 2026-01-01T00:00:00Z")
    place.publish(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_stopped_run_ends_its_dbt_and_publishes_nothing(place: Place, number: signal.Signals) -> None:
    place.publish(1)
    place.plan(version=2)
    with held_build(place) as (child, dbt_pid):
        child.send_signal(number)
        said = child.communicate()[1]
        assert said == ("" if number == signal.SIGKILL else f"Error: Stopped by {number.name}, nothing is published.\n")
        assert child.returncode == -number
        assert is_gone(dbt_pid)
    assert place.version() == 1
    if number != signal.SIGKILL:
        assert len(place.names()) == 4
    place.publish(3)
    status, message = place.history()[1]
    assert status == ("killed" if number == signal.SIGKILL else "failed")
    assert number == signal.SIGKILL or number.name in message
    assert len(place.names()) == 5


# A kill at any moment


def count_calls(place: Place) -> int:
    done = place.run(before=KILL_AT, TEST_KILL_AT="0")
    assert done.returncode == 0, done.stderr
    return int(done.stderr.rpartition("calls: ")[2])


@contextmanager
def reading(published: Path) -> Iterator[list[str]]:
    """Read the published file over and over meanwhile; afterwards the list holds each different thing that was seen."""
    seen: list[str] = []
    reader = subprocess.Popen([sys.executable, "-c", READER, str(published)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    seen.append(reader.stdout.readline())
    try:
        yield seen
    finally:
        assert reader.poll() is None
        reader.kill()
        seen += reader.communicate()[0].splitlines()


def kill_at_each(place: Place, moments: Sequence[int]) -> None:
    place.publish(1)
    known = [status for status, _ in place.history()]
    with reading(place.published) as seen:
        for version, moment in enumerate(moments, start=2):
            place.plan(version=version)
            done = place.run(before=KILL_AT, TEST_KILL_AT=str(moment))
            assert done.returncode == -signal.SIGKILL, (moment, done.stderr)
            assert place.version() in (version - 1, version), moment
            came_out = place.version() == version
            place.publish(version)
            assert place.version() == version
            # A run that was killed before it could say that it had started has no row.
            rows = [status for status, _ in place.history()[len(known) :]]
            assert rows == ["published" if came_out else "killed", "published"][2 - len(rows) :], moment
            assert len(rows) == 2 or not came_out
            known += rows
            assert len(place.names()) <= 5 + 3  # the kept ones, and the published file, its lock and the history
            assert not [name for name in os.listdir(place.published.parent) if name.startswith(".")]
    assert seen and not [line for line in seen if "BROKEN" in line]
    assert all("('first',), ('run_history',), ('second',)" in line for line in seen)


def test_a_kill_at_any_moment_leaves_one_complete_state(place: Place) -> None:
    total = count_calls(place)
    rng = Random(total)
    publishing = range(total * 2 // 3, total)
    kill_at_each(place, [rng.randrange(1, total), *rng.sample(publishing, 3)])


@pytest.mark.long
def test_a_kill_at_every_fourth_moment_leaves_one_complete_state(place: Place) -> None:
    kill_at_each(place, range(1, count_calls(place), 4))


# With dbt


class Warehouse(Place):
    """A place with raw rows and with dbt."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.loaded: worlds.RowsByTable = {table: [] for table in worlds.COLUMN_TYPES}

    def start_script(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPTS / "refresh_marts.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**variables),
        )

    def run_script(self, *arguments: str, **variables: str) -> Done:
        child = self.start_script(*arguments, **variables)
        stdout, stderr = child.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, child.returncode, stdout, stderr)

    def load(self, batch: worlds.RowsByTable, name: str) -> None:
        worlds.write_parquet(batch, self.folder / "raw", name)
        for table, rows in batch.items():
            self.loaded[table] += rows

    def differences(self) -> list[str]:
        return published_differences(self.published, self.loaded)

    def kill_run(self, seconds: float, *arguments: str) -> None:
        """A run that is killed, as a rule before its end; what is published is what was, or what is loaded now."""
        before = self.published.stat().st_ino
        child = self.start_script(*arguments)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=seconds)
        child.kill()
        child.communicate()
        assert self.published.stat().st_ino == before or not self.differences()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def load_odd_files(warehouse: Warehouse) -> None:
    """A column that nobody knows, ids that are numbers in this file, a number that is a text, a missing column."""
    day = max(at for row in warehouse.loaded["journey_events"] if isinstance(at := row["loaded_at"], datetime))
    times = f"timestamp '{day}' as occurred_at, timestamp '{day}' as loaded_at"
    event = f"select 4711 as event_id, 'u1' as user_id, 'purchase' as event_name, {times}, [1, 2] as surprise"
    journey = f"select 'odd' as journey_id, '60' as attribution_window_minutes, timestamp '{day}' as loaded_at"
    for table, sql in (("user_events", event), ("journeys", journey)):
        duckdb.connect().execute(f"copy ({sql}) to '{warehouse.folder}/raw/{table}/odd.parquet'")
    row: worlds.Row = {"event_id": "4711", "user_id": "u1", "event_name": "purchase", "occurred_at": day}
    warehouse.loaded["user_events"].append(row | {"loaded_at": day})
    row = {"journey_id": "odd", "journey_name": None, "conversion_event_name": None, "attribution_window_minutes": 60}
    warehouse.loaded["journeys"].append(row | {"loaded_at": day})


@pytest.mark.dbt
def test_an_empty_file_and_a_kill_leave_what_is_published_and_the_next_run_heals(warehouse: Warehouse) -> None:
    first, second = worlds.split_into_batches(worlds.make_world(23, 60), 23, 2)
    warehouse.load(first, "first")
    done = warehouse.run_script("--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["journey_events_loaded_rows"] == len(first["journey_events"])
    assert not warehouse.differences()
    published = warehouse.published.stat()

    warehouse.load(second, "second")
    empty = warehouse.folder / "raw" / "user_events" / "empty.parquet"
    empty.touch()
    assert_refused(warehouse.run_script(), 1, str(empty), "nothing is published")
    assert warehouse.published.stat() == published
    empty.unlink()

    load_odd_files(warehouse)
    warehouse.kill_run(Random(23).uniform(0.3, 0.6) * summary["seconds"])
    done = warehouse.run_script("--json")
    assert done.returncode == 0, done.stderr
    assert not warehouse.differences()
    rows = len(second["journey_events"])
    assert json.loads(done.stdout)["journey_events_loaded_rows"] in (rows, 0)
    assert [status for status, _ in warehouse.history()][:2] == ["published", "failed"]


def crowd(batch: worlds.RowsByTable, count: int) -> worlds.RowsByTable:
    """The events of a batch so many times, each time of other users."""
    rows: worlds.RowsByTable = {table: [] for table in worlds.COLUMN_TYPES}
    for number in range(count):
        for table in ("journey_events", "user_events"):
            for row in batch[table]:
                ids = {name: row[name] for name in ("event_id", "user_id", "trigger_event_id") if name in row}
                said = {name: str(value or "").strip(" \t\n\r\v\f") for name, value in ids.items()}
                rows[table].append(row | {name: f"{number} {value}" for name, value in said.items() if value})
    return rows


def play_with_a_crowd(warehouse: Warehouse, seed: int, batch_count: int) -> list[worlds.RowsByTable]:
    """Load and publish a first batch with all definitions and a crowd, beside which the others are small."""
    world = worlds.make_world(seed, 20)
    first, *others = worlds.split_into_batches(world, seed, batch_count)
    events = {table: first[table] + rows for table, rows in crowd(first, 40).items() if table.endswith("events")}
    warehouse.load({table: world[table] for table in ("journeys", "journey_steps")} | events, "load_0")
    assert warehouse.run_script().returncode == 0
    return [{table: rows for table, rows in batch.items() if table.endswith("events")} for batch in others]


def change_published(warehouse: Warehouse, sql: str) -> None:
    """Change the published file, which then still has the time by which its run knows it."""
    moment = warehouse.published.stat().st_mtime_ns
    with duckdb.connect(str(warehouse.published)) as connection:
        connection.execute(sql)
    os.utime(warehouse.published, ns=(moment, moment))


def late_twin(warehouse: Warehouse, table: str, number: int, made_of: str) -> worlds.Row:
    """The newest event of this part of the crowd in a table of the build, now said to be another's, loaded before."""
    with duckdb.connect(str(warehouse.build), read_only=True) as connection:
        ids = connection.execute(f"select event_id from {made_of} and user_id like '{number} %'").fetchall()
    rows: dict[str, worlds.Row] = {}
    for row in sorted(warehouse.loaded[table], key=lambda row: str(row["loaded_at"])):
        if (row["event_id"],) in ids:
            rows.setdefault(str(row["event_id"]), row)
    row = max(rows.values(), key=lambda row: str(row["loaded_at"]))
    assert isinstance(row["loaded_at"], datetime)
    return row | {"user_id": f"new {row['user_id']}", "loaded_at": row["loaded_at"] - timedelta(microseconds=1)}


@pytest.mark.dbt
def test_a_batch_replaces_the_lists_of_its_users_and_no_others(warehouse: Warehouse) -> None:
    second, third, fourth, fifth = play_with_a_crowd(warehouse, seed=53, batch_count=5)
    one = "metric = 'total_entries' and user_id = (select min(user_id) from marts.journey_metric_users)"
    change_published(warehouse, f"update marts.journey_metric_users set last_at = '1970-01-01' where {one}")
    messages = "intermediate.int_journey_events where event_type = 'message_sent'"
    conversions = "intermediate.int_journey_conversions where is_first_conversion"
    second["journey_events"].append(late_twin(warehouse, "journey_events", 30, messages))
    second["user_events"].append(late_twin(warehouse, "user_events", 20, conversions))
    warehouse.load(second, "load_1")
    assert warehouse.run_script().returncode == 0
    differences = warehouse.differences()
    assert differences and all("journey_metric_users" in text for text in differences)
    assert all("1970" in text for text in differences if "unexpected" in text), differences

    # Lists that no longer sum up to the numbers are made anew.
    change_published(warehouse, f"update marts.journey_metric_users set event_count = event_count + 1 where {one}")
    warehouse.load(third, "load_2")
    (warning,) = json.loads(warehouse.run_script("--json").stdout)["warnings"]
    assert warning.startswith("All lists are made anew: The lists of users do not pass")
    assert not warehouse.differences()

    # And so are all, when a definition has changed.
    change_published(warehouse, f"update marts.journey_metric_users set last_at = '1970-01-01' where {one}")
    redefined = warehouse.loaded["journeys"][0] | {"attribution_window_minutes": 7, "loaded_at": datetime(2025, 1, 1)}
    warehouse.load(fourth | {"journeys": [redefined]}, "load_3")
    assert warehouse.run_script().returncode == 0
    assert not warehouse.differences()

    # Or when the build does not know the batch up to which they are published, as after it was restored.
    change_published(warehouse, f"update marts.journey_metric_users set last_at = '1970-01-01' where {one}")
    history = script.history_path(warehouse.published)
    history.write_text(re.sub(r'"journey_batch": (\d+)', r'"journey_batch": \g<1>9', history.read_text()))
    warehouse.load(fifth, "load_4")
    assert warehouse.run_script().returncode == 0
    assert not warehouse.differences()


def test_lists_are_made_of_nothing_but_code_definitions_and_the_events_of_their_users(manifest: dict[str, Any]) -> None:
    made_of, waiting = set(), [f"model.journey_analytics.{user_lists.LISTS}"]
    read_by: dict[str, set[str]] = {}
    while waiting:
        made_of.add(node := waiting.pop())
        for parent in manifest["nodes"].get(node, {}).get("depends_on", {}).get("nodes", []):
            read_by.setdefault(parent.rpartition(".")[2], set()).add(node.rpartition(".")[2])
            waiting += {parent} - made_of
    assert read_by["stg_journeys"] | read_by["stg_journey_steps"] == set(user_lists.DEFINITIONS)
    assert [*read_by["stg_journey_events"], *read_by["stg_user_events"]] == list(user_lists.EVENT_TABLES)
    sources = {node for node in made_of if node.startswith("source.")}
    assert {name.rpartition(".")[2] for name in sources} == {*worlds.COLUMN_TYPES}


def test_lists_of_a_few_users_are_not_made_of_all(sample_database: Path) -> None:
    with duckdb.connect(str(sample_database), read_only=True) as connection:
        connection.execute("create temporary table changed_users as select 'nobody' as user_id")
        lists = f"select * from marts.{user_lists.LISTS} where {user_lists.IS_CHANGED}"
        [(_, plan)] = connection.execute(f"explain (format json) {lists}").fetchall()
    assert "int_journey_event_rows" in plan
    # A step that is used twice is made of all users before anybody asks who is wanted.
    assert "CTE_SCAN" not in plan


@pytest.mark.long
@pytest.mark.dbt
@pytest.mark.parametrize("seed", range(int(os.environ.get("WORLDS", "10"))))
def test_lists_are_those_of_the_reference_after_each_batch(warehouse: Warehouse, seed: int) -> None:
    for number, batch in enumerate(play_with_a_crowd(warehouse, seed, batch_count=6), start=1):
        warehouse.load(batch, f"load_{number}")
        assert warehouse.run_script().returncode == 0
        assert not warehouse.differences()


@pytest.mark.long
@pytest.mark.dbt
def test_a_corrupt_file_publishes_nothing_and_the_mended_one_does(warehouse: Warehouse) -> None:
    warehouse.load(worlds.make_world(24), "first")
    assert warehouse.run_script().returncode == 0
    published = warehouse.published.stat()
    load_odd_files(warehouse)
    odd = warehouse.folder / "raw" / "user_events" / "odd.parquet"
    good = odd.read_bytes()
    write_corrupt_file(odd)
    assert_refused(warehouse.run_script(), 1, str(odd), "nothing is published")
    assert warehouse.published.stat() == published
    odd.write_bytes(good)
    assert warehouse.run_script().returncode == 0
    assert not warehouse.differences()


@pytest.mark.long
@pytest.mark.dbt
@pytest.mark.parametrize("seed", range(int(os.environ.get("KILLS", "6"))))
def test_kills_at_random_moments_of_a_build_change_no_number(warehouse: Warehouse, seed: int) -> None:
    rng = Random(seed)
    first, *others = worlds.split_into_batches(worlds.make_world(seed, 100), seed, 3)
    warehouse.load(first, "load_0")
    summary = json.loads(warehouse.run_script("--json").stdout)
    with reading(warehouse.published) as seen:
        for number, batch in enumerate(others, start=1):
            warehouse.load(batch, f"load_{number}")
            for _ in range(rng.randrange(1, 3)):
                warehouse.kill_run(
                    rng.uniform(0.1, 1.1) * summary["seconds"], *rng.choice([[], [], ["--full-refresh"]])
                )
            done = warehouse.run_script()
            assert done.returncode == 0, done.stderr
            assert not warehouse.differences()
    assert seen and not [line for line in seen if "BROKEN" in line]
    tables, counts = zip(*[line.split("] [") for line in seen], strict=True)
    assert len(set(tables)) == 1 and len(set(counts)) <= len(warehouse.history())


@pytest.mark.long
@pytest.mark.dbt
def test_the_disk_fills_while_dbt_builds(warehouse: Warehouse) -> None:
    warehouse.load(worlds.make_world(31, 3000), "load")
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)); "
    limited += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    line = [sys.executable, "-c", limited, str(SCRIPTS / "refresh_marts.py")]
    done = subprocess.run(line, capture_output=True, text=True, env=warehouse.environment())
    assert_refused(done, 2, "File too large", "nothing is published")
    assert warehouse.run_script().returncode == 0
    assert not warehouse.differences()


@pytest.mark.long
@pytest.mark.dbt
def test_the_history_outlives_a_full_refresh_by_dbt_itself(warehouse: Warehouse, dbt: Dbt) -> None:
    warehouse.load(worlds.make_world(32), "load")
    assert warehouse.run_script().returncode == 0
    dbt("build", "--full-refresh", raw_path=warehouse.folder / "raw", database=warehouse.build)
    with duckdb.connect(str(warehouse.build)) as connection:
        assert connection.execute("select count(*) from marts.run_history").fetchall() == [(1,)]
    assert warehouse.run_script("--full-refresh").returncode == 0
    assert [status for status, _ in warehouse.history()] == ["published"] * 2
