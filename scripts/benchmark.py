"""Make raw data of any size and measure what the project's runs cost, as ratios to a plain copy of the same data.

    python scripts/benchmark.py generate --events 1000000 --raw-path /tmp/bench/1m
    python scripts/benchmark.py run --events 1000000 --json benchmark.json

`generate` writes RAW_PATH/base/<table>/<load day>.parquet, 90 load days that hold about --events journey events and
a sixth as many user events, and RAW_PATH/batch/<table>/, what is loaded next: --batch-percent of the base.
The rows depend on nothing but these two numbers: dice are rolled from row numbers, never from random().

`run` generates the data when needed and measures, one after the other and each in a process of its own:
the plain copy (`create table as select *` of the raw Parquet into a DuckDB file: what this machine needs to read and
write the data at all), a full refresh, a run after the batch has landed, a run with nothing new. With --scheduled the
same three once more from the beginning, as scheduled runs: with tests, and published (refresh_marts.py).
Data and databases live below --work-dir.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import duckdb
import yaml  # type: ignore[import-untyped]
from jinja2 import Template
from messages import run_command
from project import PROJECT
from rich.console import Console
from rich.progress import track
from rich.table import Table

DEFINITION_TABLES = ("journeys", "journey_steps")
# with the column that says what kind of event it is, and the word (SQL) that makes such a row a broken one
EVENT_TABLES = (("journey_events", "event_type", "'no such word'"), ("user_events", "event_name", "null"))
MANIFEST = "generated.json"

DAY = 86_400_000_000  # microseconds
BASE_DAYS = 90
EVENTS_PER_RUN = 13.8  # measured; turns the wanted number of events into a number of runs


class WrongUse(click.ClickException):
    """Something only the caller can put right."""

    exit_code = 2


def sql(name: str) -> str:
    """A part of the generator, see the comment at its head."""
    return (Path(__file__).parent / "benchmark_sql" / f"{name}.sql").read_text()


@dataclass(frozen=True)
class Slice:
    """One load day, or the part of it that belongs to the batch; times in microseconds since the first day."""

    folder: str
    start: int
    end: int

    @property
    def file_name(self) -> str:
        return f"{(date(2026, 1, 1) + timedelta(days=self.start // DAY)).isoformat()}.parquet"


def load_slices(batch_percent: float) -> list[Slice]:
    """The load days of the base, then those of the batch; the last one ends where the batch is big enough."""
    batch_end = BASE_DAYS * DAY + round(BASE_DAYS * DAY * batch_percent / 100)
    starts = range(0, batch_end, DAY)
    return [
        Slice("base" if start < BASE_DAYS * DAY else "batch", start, min(start + DAY, batch_end)) for start in starts
    ]


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> int:
    """Write the rows of a query and say how many they were."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = str(file).replace("'", "''")
    row = connection.execute(f"copy ({query}) to '{target}' (format parquet, compression zstd)").fetchone()
    return int(row[0]) if row else 0


def read_manifest(raw_path: Path) -> dict[str, Any]:
    """What was generated here; nothing when it was not finished."""
    file = raw_path / MANIFEST
    manifest: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return manifest


def generate_raw_data(raw_path: Path, events: int, batch_percent: float) -> dict[str, Any]:
    """Write base and batch; events that load later than their slice wait in memory, which therefore stays small."""
    wanted = {"events": events, "batch_percent": batch_percent}
    if raw_path.exists() and any(raw_path.iterdir()) and not (raw_path / MANIFEST).exists():
        raise WrongUse(f"{raw_path} holds something else; name an empty or a new folder with --raw-path.")
    for folder in ("base", "batch"):
        shutil.rmtree(raw_path / folder, ignore_errors=True)
    raw_path.mkdir(parents=True, exist_ok=True)
    (raw_path / MANIFEST).write_text("{}")

    events_sql, deliveries_sql = sql("events"), sql("deliveries")
    run_count = max(round(events / EVENTS_PER_RUN), 1)
    spacing = BASE_DAYS * DAY // run_count
    rows: dict[str, dict[str, int]] = {"base": {}, "batch": {}}
    with duckdb.connect(config={"temp_directory": str(raw_path / "spill"), "memory_limit": "4GB"}) as connection:
        connection.execute(f"set variable run_count = {run_count}; set variable spacing = {spacing};")
        connection.execute(sql("definitions"))
        for table in DEFINITION_TABLES:
            rows["base"][table] = write_parquet(connection, f"from {table}", raw_path / f"base/{table}/all.parquet")
        for part in track(load_slices(batch_percent), "load days", console=Console(stderr=True), transient=True):
            connection.execute(
                f"set variable first_run = {math.ceil(part.start / spacing)};"
                f"set variable end_run = {math.ceil(part.end / spacing)};"
            )
            connection.execute(events_sql)
            until = f"timestamp '2026-01-01' + to_microseconds({part.end})"
            for table, kind, broken_kind in EVENT_TABLES:
                connection.execute(deliveries_sql.format(table=table, kind=kind, broken_kind=broken_kind))
                written = write_parquet(
                    connection,
                    f"select * exclude (number) from {table} where loaded_at < {until} order by loaded_at, number",
                    raw_path / part.folder / table / part.file_name,
                )
                rows[part.folder][table] = rows[part.folder].get(table, 0) + written
                connection.execute(f"create or replace temp table {table} as from {table} where loaded_at >= {until}")
    shutil.rmtree(raw_path / "spill", ignore_errors=True)
    manifest = wanted | {"rows": rows}
    (raw_path / MANIFEST).write_text(json.dumps(manifest, indent=2))
    return manifest


@dataclass(frozen=True)
class Measurement:
    """What one process cost; the file is the database it built, the rest is what dbt says of its models and tests."""

    phase: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    file_bytes: int
    models_seconds: float | None = None
    tests_seconds: float | None = None
    node_seconds: dict[str, float] = field(default_factory=dict)


# A process of its own that imports nothing else, so that small sizes are not all interpreter.
PLAIN_COPY = """
import json, sys, duckdb
database, raw_path, tables, settings, options = json.loads(sys.argv[1])
with duckdb.connect(database, config=options) as connection:
    for name, value in settings.items():
        connection.execute(f"set {name} = '{value}'")
    for table in tables:
        connection.execute(
            f"create table {table} as select * from read_parquet('{raw_path}/{table}/**/*.parquet', union_by_name=true)"
        )
"""


def measure(phase: str, command: list[str], environment: dict[str, str], database: Path, log: Path) -> Measurement:
    """Run a command to its end and take what the kernel counted for it and its children."""
    Console(stderr=True).print(f"{phase} ...", highlight=False)
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise click.ClickException(f"The {phase} failed with exit code {process.returncode}; read {log}.")
    return Measurement(
        phase=phase,
        wall_seconds=round(wall_seconds, 3),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
        peak_memory_bytes=usage.ru_maxrss * 1024,
        file_bytes=sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*")),
    )


def link_files(source: Path, target: Path) -> None:
    """Let files land in a raw folder without copying them."""
    for file in source.rglob("*.parquet"):
        landed = target / file.relative_to(source)
        landed.parent.mkdir(parents=True, exist_ok=True)
        landed.hardlink_to(file)


def profile_settings(environment: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings under which the project itself runs DuckDB, those of the session and those of the file."""
    text = (PROJECT / "profiles" / "profiles.yml").read_text()
    rendered = Template(text).render(env_var=lambda name, default="": environment.get(name, default))
    output = yaml.safe_load(rendered)["journey_analytics"]["outputs"]["duckdb"]
    return output.get("settings", {}), output.get("config_options", {})


def machine() -> dict[str, Any]:
    """What a reader needs to judge the seconds."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average_before": os.getloadavg()[0],
        "python": platform.python_version(),
        **{package: version(package) for package in ("duckdb", "dbt-core", "dbt-duckdb")},
    }


def with_dbts_seconds(measurement: Measurement, target_path: Path) -> Measurement:
    """Add the seconds of each node of the last dbt run, slowest first, and the sums of its models and of its tests.

    Two nodes run at a time, so sums exceed the wall.
    """
    file = target_path / "run_results.json"
    results = json.loads(file.read_text())["results"] if file.exists() else []
    seconds = [(result["unique_id"].split("."), result["execution_time"]) for result in results]
    return replace(
        measurement,
        models_seconds=round(sum(spent for (kind, *_), spent in seconds if kind == "model"), 2),
        tests_seconds=round(sum(spent for (kind, *_), spent in seconds if kind == "test"), 2),
        node_seconds={name: round(spent, 2) for (_, _, name, *_), spent in sorted(seconds, key=lambda one: -one[1])},
    )


def measure_runs(
    dbt: Path, raw_path: Path, work_path: Path, environment: dict[str, str], scheduled: bool
) -> list[Measurement]:
    """The phases in their order; every one begins with what the one before it left."""
    landed, database, copied = raw_path / "landed", work_path / "benchmark.duckdb", work_path / "plain_copy.duckdb"
    shutil.rmtree(landed, ignore_errors=True)
    shutil.rmtree(work_path, ignore_errors=True)
    work_path.mkdir(parents=True)
    link_files(raw_path / "base", landed)
    tables = [*DEFINITION_TABLES, *(table for table, _, _ in EVENT_TABLES)]

    # The same for all phases, or dbt would read the whole project again.
    environment = environment | {
        "JOURNEY_RAW_PATH": str(landed),
        "JOURNEY_DUCKDB_PATH": str(database),
        "JOURNEY_PUBLISHED_PATH": str(work_path / "published.duckdb"),
        "DBT_TARGET_PATH": str(work_path / "target"),
        "DBT_LOG_PATH": str(work_path / "logs"),
        "DBT_USE_COLORS": "false",
    }

    def run_dbt(phase: str, *command: str | Path, artifacts: str = "target") -> Measurement:
        log = work_path / f"{phase.replace(' ', '_')}.log"
        measurement = measure(phase, list(map(str, command)), environment, database, log)
        return with_dbts_seconds(measurement, work_path / artifacts)

    def build(phase: str, *arguments: str) -> Measurement:
        return run_dbt(phase, dbt, *arguments, "--profiles-dir", "profiles")

    def refresh(phase: str) -> Measurement:
        return run_dbt(phase, dbt.with_name("python"), "scripts/refresh_marts.py", artifacts="target/refresh_marts")

    untested = ("build", "--exclude-resource-type", "test", "unit_test")
    plain_copy = json.dumps([str(copied), str(landed), tables, *profile_settings(environment)])
    command = [sys.executable, "-c", PLAIN_COPY, plain_copy]
    measurements = [measure("plain copy", command, environment, copied, work_path / "plain_copy.log")]
    copied.unlink(missing_ok=True)
    build("parse", "parse")  # reading the project is not work on the data; later runs find it read
    measurements.append(build("full refresh", *untested, "--full-refresh"))
    link_files(raw_path / "batch", landed)
    measurements.append(build("batch", *untested))
    measurements.append(build("nothing new", *untested))
    if scheduled:
        database.unlink()
        shutil.rmtree(landed)
        link_files(raw_path / "base", landed)
        measurements.append(refresh("first scheduled"))
        link_files(raw_path / "batch", landed)
        measurements.append(refresh("batch scheduled"))
        measurements.append(refresh("nothing new scheduled"))
    return measurements


def results_table(title: str, measurements: list[Measurement]) -> Table:
    """The measurements with their ratios."""
    wall = {measurement.phase: measurement.wall_seconds for measurement in measurements}
    table = Table(title=title)
    headings = ("phase", "wall s", "CPU s", "memory GB", "file GB", "to plain copy", "to full", "models s", "tests s")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for one in measurements:
        table.add_row(
            one.phase,
            f"{one.wall_seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
            f"{one.peak_memory_bytes / 1e9:.2f}",
            f"{one.file_bytes / 1e9:.2f}",
            f"{one.wall_seconds / wall['plain copy']:.2f}",
            f"{one.wall_seconds / wall['full refresh']:.3f}",
            *("" if seconds is None else f"{seconds:.1f}" for seconds in (one.models_seconds, one.tests_seconds)),
        )
    return table


@click.group(help=__doc__, no_args_is_help=False)
def main() -> None:
    """See the module's docstring."""


@main.command()
@click.option("--events", type=click.IntRange(min=1), required=True, help="Journey events in the base.")
@click.option("--raw-path", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--batch-percent", type=click.FloatRange(0, 100), default=1.0, show_default=True)
def generate(events: int, raw_path: Path, batch_percent: float) -> None:
    """Write deterministic raw data as daily Parquet files."""
    try:
        manifest = generate_raw_data(raw_path.resolve(), events, batch_percent)
    except duckdb.Error as error:
        raise click.ClickException(str(error).splitlines()[0]) from error
    click.echo(json.dumps(manifest["rows"]))


@main.command()
@click.option("--events", type=click.IntRange(min=1), required=True, help="Journey events in the base.")
@click.option("--batch-percent", type=click.FloatRange(0, 100), default=1.0, show_default=True)
@click.option("--work-dir", type=click.Path(path_type=Path), default="/tmp/journey_benchmark", show_default=True)
@click.option("--raw-path", type=click.Path(path_type=Path), help="Generated data; default: a folder in --work-dir.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the results here.")
@click.option("--threads", type=click.IntRange(min=1), help="JOURNEY_THREADS of the profile.")
@click.option("--memory-limit", help="JOURNEY_MEMORY_LIMIT of the profile, as in 6GB.")
@click.option("--scheduled", is_flag=True, help="Measure whole scheduled runs as well, tested and published.")
@click.option(
    "--dbt",
    type=click.Path(path_type=Path),
    default=Path(sys.executable).with_name("dbt"),
    help="The dbt of another environment.",
)
def run(
    events: int,
    batch_percent: float,
    work_dir: Path,
    raw_path: Path | None,
    json_file: Path | None,
    threads: int | None,
    memory_limit: str | None,
    scheduled: bool,
    dbt: Path,
) -> None:
    """Measure plain copy, full refresh, batch and a run with nothing new."""
    for needed in (dbt, dbt.with_name("python")):
        if not needed.exists():
            raise WrongUse(
                f"There is no {needed}; run this with the Python of the project's environment or name its --dbt."
            )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise WrongUse(f"There is no folder for {json_file}: make it, or name another file with --json.")
    raw_path = (raw_path or work_dir / f"raw_{events}").resolve()
    wanted = {"events": events, "batch_percent": batch_percent}
    if not wanted.items() <= read_manifest(raw_path).items():
        # Not in this process: a child's peak memory is never below what its parent had when it was started.
        arguments = ["--events", str(events), "--raw-path", str(raw_path), "--batch-percent", str(batch_percent)]
        if subprocess.run([sys.executable, __file__, "generate", *arguments], stdout=subprocess.DEVNULL).returncode:
            raise click.ClickException(f"There is no data to measure with in {raw_path}.")
    options = {"JOURNEY_THREADS": threads, "JOURNEY_MEMORY_LIMIT": memory_limit}
    environment = dict(os.environ) | {name: str(value) for name, value in options.items() if value is not None}
    environment_facts = machine()
    measurements = measure_runs(
        dbt.absolute(), raw_path, work_dir.resolve() / "benchmark_build", environment, scheduled
    )
    results = {
        **read_manifest(raw_path),
        "raw_bytes": sum(file.stat().st_size for file in (raw_path / "base").rglob("*.parquet")),
        "machine": environment_facts,
        "settings": profile_settings(environment),
        "phases": [asdict(measurement) for measurement in measurements],
    }
    Console(width=120).print(results_table(f"{events:,} journey events", measurements))
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    run_command(main)
