"""`scripts/refresh_marts.py --target postgres`: readers of schema marts see one complete state, whatever happens.

Most runs have a stand-in for dbt, which builds two small tables that say which version they are.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import PROJECT, Dbt, DbtError
from postgres_cluster import Cluster
from test_postgres import PostgresWarehouse, assert_refused, cluster, empty_database  # noqa: F401 (fixtures)
from worlds import make_world, split_into_batches

pytestmark = pytest.mark.postgres

STAND_IN = """
import pathlib, psycopg, time
plan = json.loads(os.environ["TEST_PLAN"])
command = json.loads(sys.argv[2])[1]
target = pathlib.Path(command[command.index("--target-path") + 1])
target.mkdir(parents=True, exist_ok=True)
def say(name, msg, **data):
    print(json.dumps({"info": {"name": name, "msg": msg, "invocation_id": "i"}, "data": data}), flush=True)
say("MainReportVersion", "")
say("MainReportVersion", "")
if plan.get("error"):
    say("RunResultError", plan["error"], node_info={"node_name": "x"})
    sys.exit(1)
(target / "child.pid").write_text(str(os.getpid()))
time.sleep(plan.get("sleep", 0))
assert json.loads(command[command.index("--vars") + 1]) == {"marts_schema": "marts_build"}
with psycopg.connect(os.environ["TEST_URL"]) as connection:
    connection.execute("create schema if not exists marts_build; create schema if not exists raw")
    rows = f"select {plan['version']} as version, i from generate_series(1, {plan.get('rows', 2000)}) as t (i)"
    connection.execute(f"drop table if exists marts_build.first cascade; create table marts_build.first as {rows}")
    connection.execute("create view marts_build.second as select version, i as j from marts_build.first")
    connection.execute("comment on table marts_build.first is 'It''s the first.'")
    connection.execute("comment on column marts_build.second.j is 'Jay.'")
    for table in ("journeys", "journey_steps", "journey_events", "user_events"):
        connection.execute(f"drop table if exists raw.{table}")
        connection.execute(f"create table raw.{table} as select from generate_series(1, {plan['version'] * 10})")
nodes = {name: {"alias": name, "resource_type": "model", "schema": "marts_build"} for name in ("first", "second")}
sources = ("journeys", "journey_steps", "journey_events", "user_events")
sources = {name: {"name": name, "schema": "raw", "columns": {}} for name in sources}
(target / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": sources}))
"""
LAUNCH = f"""
import os, signal, sys
sys.path.insert(0, {str(PROJECT / "scripts")!r})
import dbt_build, refresh_marts, refresh_postgres
dbt_build.DBT = dbt_build.DBT.partition("from dbt.cli")[0] + {STAND_IN!r}
"""
KILL = "def killed(*_):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
# Every statement sees both tables of one version, and so does every transaction of two.
READ = "select version, count(*), count(distinct i) from marts.first group by version"
READ_BOTH = f"{READ} union all select version, count(*), count(distinct j) from marts.second group by version"


class Place:
    """A server, and runs on it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:  # noqa: F811
        self.cluster, self.folder = cluster, folder

    def start(self, *arguments: str, before: str = "", **plan: object) -> subprocess.Popen[str]:
        """Start a run with the stand-in; `before` is code that goes first."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("JOURNEY_", "DBT_"))}
        own = {"TEST_PLAN": json.dumps({"version": 1} | plan), "TEST_URL": self.cluster.url}
        program = f"{LAUNCH}\n{before}\nrefresh_marts.run_command(refresh_marts.refresh_marts)"
        return subprocess.Popen(
            [sys.executable, "-c", program, "--target", "postgres", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=kept | own | self.cluster.settings | {"DBT_TARGET_PATH": str(self.folder)},
        )

    def run(self, *arguments: str, before: str = "", **plan: object) -> subprocess.CompletedProcess[str]:
        child = self.start(*arguments, before=before, **plan)
        said = child.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, child.returncode, *said)

    def publish(self, version: int, *arguments: str) -> dict[str, Any]:
        done = self.run("--json", *arguments, version=version)
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def execute(self, sql: str) -> None:
        with self.cluster.connect() as connection:
            connection.execute(sql)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with self.cluster.connect() as connection:
            return connection.execute(sql).fetchall()

    def version(self) -> int:
        """The version that readers see; all of it must be there."""
        found = self.read(READ_BOTH)
        assert len(found) == 2 and found[0] == found[1] and found[0][1] == found[0][2], found
        return int(found[0][0])

    def statuses(self) -> list[str]:
        return [status for (status,) in self.read("select status from marts.run_history order by started_at")]

    def kept(self) -> int:
        return len(self.read("select from pg_namespace where nspname ~ '^marts_[0-9]'"))


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Place:  # noqa: F811
    return Place(cluster, tmp_path)


def test_a_run_publishes_the_marts_with_their_comments_and_says_so(place: Place) -> None:
    summary = place.publish(3)
    assert summary["status"] == "published" and summary["published_schema"] == "marts"
    assert summary["published_rows"] == {"first": 2000, "second": 2000, "run_history": 1}
    assert place.version() == 3
    assert place.publish(5)["user_events_loaded_rows"] == 20
    tables = "select table_name, table_type from information_schema.tables where table_schema = 'marts' order by 1"
    assert place.read(tables) == [("first", "BASE TABLE"), ("run_history", "VIEW"), ("second", "BASE TABLE")]
    comments = "select obj_description('marts.first'::regclass), col_description('marts.second'::regclass, 2)"
    assert place.read(comments) == [("It's the first.", "Jay.")]
    assert place.statuses() == ["published", "published"]


def test_a_run_that_fails_leaves_what_is_published(place: Place) -> None:
    place.publish(1)
    assert_refused(place.run(version=2, error="no good"), 1, "nothing is published", "no good")
    assert place.version() == 1
    history = "select status, message from marts.run_history order by started_at"
    assert place.read(history)[1] == ("failed", "The build failed, nothing is published: x: no good.")


def test_a_rollback_goes_back_one_published_state_each_time(place: Place) -> None:
    for version in (1, 2, 3):
        place.publish(version)
    assert place.run("--rollback").returncode == 0 and place.version() == 2
    place.publish(4)
    assert place.run("--rollback").returncode == 0
    assert place.version() == 2, "3 had been withdrawn"
    assert place.run("--rollback").returncode == 0 and place.version() == 1
    assert_refused(place.run("--rollback"), 2, "No earlier schema")
    assert place.statuses().count("rolled_back") == 3


def test_the_last_states_are_kept(place: Place) -> None:
    for version in (1, 2, 3, 4):
        place.publish(version, "--keep", "3")
    assert place.kept() == 2
    place.publish(5, "--keep", "1")
    assert place.kept() == 0


def test_a_schema_that_was_there_before_is_kept_too(place: Place) -> None:
    place.execute("create schema marts; create table marts.first as select 0 as version, 1 as i")
    place.publish(1)
    assert place.run("--rollback").returncode == 0
    assert place.read("select version from marts.first") == [(0,)]


def test_readers_keep_their_rights(place: Place) -> None:
    place.publish(1)
    place.execute("create role bi")
    try:
        place.execute("grant usage on schema marts to bi; grant select on all tables in schema marts to bi")
        place.publish(2)
        with place.cluster.connect() as connection:
            connection.execute("set role bi")
            assert connection.execute("select max(version) from marts.first, marts.run_history").fetchall() == [(2,)]
        assert place.read("select has_schema_privilege('bi', 'marts_build', 'usage')") == [(False,)]
    finally:
        place.execute("drop owned by bi; drop role bi")


@contextmanager
def reading(place: Place) -> Iterator[list[object]]:
    """Read without a pause, in statements and in transactions; what is seen, and what must not be."""
    seen: list[object] = []
    is_over = threading.Event()

    def read(in_transactions: bool) -> None:
        with place.cluster.connect(autocommit=not in_transactions) as connection:
            while not is_over.is_set():
                try:
                    if in_transactions:
                        found = connection.execute(READ).fetchall()
                        found += connection.execute(READ.replace("first", "second").replace("i)", "j)")).fetchall()
                        connection.commit()
                    else:
                        found = connection.execute(READ_BOTH).fetchall()
                    is_whole = len(found) == 2 and found[0] == found[1] and found[0][1] == found[0][2] == 2000
                    seen.append(found[0][0] if is_whole else found)
                except Exception as error:
                    seen.append(error)
                    return

    threads = [threading.Thread(target=read, args=(kind,)) for kind in (True, False, True)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_readers_see_one_state_and_never_wait_for_long_or_in_vain(place: Place) -> None:
    place.publish(1)
    with reading(place) as seen:
        for version in range(2, 8):
            place.publish(version)
        assert place.run("--rollback").returncode == 0
        time.sleep(0.2)
    assert set(map(str, seen)) == set("1234567"), set(map(str, seen))
    assert len(seen) > 100 and seen[-1] == 6


def test_a_run_that_is_killed_at_any_moment_changes_nothing_and_the_next_one_is_complete(place: Place) -> None:
    place.publish(1)
    random, killed = Random(1), 0
    with reading(place) as seen:
        begun = time.monotonic()
        place.publish(2)
        seconds_of_a_run = time.monotonic() - begun
        for version in range(3, 13):
            child = place.start(version=version)
            time.sleep(seconds_of_a_run * random.uniform(0.2, 1))
            child.kill()
            child.communicate()
            killed += child.returncode == -signal.SIGKILL
    assert all(isinstance(version, int) for version in seen), seen
    assert killed
    place.publish(20)
    assert place.version() == 20
    assert place.statuses().count("killed") > 0 and "started" not in place.statuses()


@pytest.mark.parametrize("function", ["copy_marts", "verify_marts", "swap", "comment_of", "grant_to_readers"])
def test_a_publishing_that_is_killed_leaves_what_is_published(place: Place, function: str) -> None:
    place.publish(1)
    done = place.run(version=2, before=f"{KILL}refresh_postgres.{function} = killed")
    assert done.returncode == -signal.SIGKILL
    assert place.version() == 1
    place.publish(3)
    assert place.version() == 3 and place.statuses() == ["published", "killed", "published"]
    assert not place.read("select from pg_namespace where nspname = 'marts_new'")


def test_one_run_at_a_time_and_the_dbt_of_a_killed_one_ends_with_it(place: Place) -> None:
    place.publish(1)
    child = place.start(version=2, sleep=60)
    pid_file = place.folder / "refresh_marts" / "child.pid"
    pid_file.unlink()
    while not (pid_file.exists() and pid_file.read_text()):
        time.sleep(0.02)
    assert_refused(place.run(version=3), 3, "Another run")
    child.terminate()
    assert child.wait(10) == -signal.SIGTERM
    assert "SIGTERM" in child.communicate()[1]
    place.publish(4)
    assert place.version() == 4 and place.statuses() == ["published", "failed", "published"]


def test_a_reader_that_does_not_end_keeps_its_state(place: Place) -> None:
    place.publish(1)
    with place.cluster.connect(autocommit=False) as connection:
        connection.execute("select from marts.first").fetchall()
        done = place.run(version=2, before="refresh_postgres.PATIENCE = 1")
        assert_refused(done, 3, "Somebody reads")
        assert connection.execute("select distinct version from marts.second").fetchall() == [(1,)]
    place.publish(3)
    assert place.version() == 3


def test_dbt_publishes_what_the_reference_says(cluster: Cluster, tmp_path: Path) -> None:  # noqa: F811
    warehouse = PostgresWarehouse(Dbt(tmp_path, target="postgres", settings=cluster.settings), tmp_path, cluster)
    warehouse.start_anew()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("JOURNEY_", "DBT_"))}
    places = {
        "JOURNEY_RAW_PATH": str(warehouse.raw_path),
        "DBT_TARGET_PATH": str(tmp_path),
    }
    for batch in split_into_batches(make_world(51, 100), 51, 2):
        warehouse.load(batch)
        warehouse.load_raw()
        done = subprocess.run(
            [sys.executable, str(PROJECT / "scripts" / "refresh_marts.py"), "--target", "postgres"],
            env=kept | cluster.settings | places,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert not warehouse.differences()
    with pytest.raises(DbtError, match="is published by"):
        warehouse.dbt("run", raw_path=warehouse.raw_path)
