"""One dbt build in a process of its own: how it starts, what it says while it runs, what its failure means."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import duckdb
from messages import printable, quote, reason
from project import PROJECT
from published_files import Locked
from run_history import literal

# Words of an error that is the machine's and not the data's.
MACHINE_FAULTS = (
    *("No space left on device", "File too large", "Disk quota exceeded", "max_temp_directory_size"),
    *("Read-only file system", "Permission denied", "Out of Memory"),
)
# Words of an error that some raw file may have caused without being named.
DATA_FAULTS = re.compile(r"Conversion Error|Invalid Input|Parquet|Thrift|decompress|corrupt|UTF-?8", re.IGNORECASE)

# Unit tests, the cases of macros, and what the grouping of a view decides alone try the code, which a schedule does not
# change.
BUILD = ["build", "--exclude-resource-type", "unit_test", "--exclude", "path:tests/macros", "tag:by_construction"]
# Tests that read all rows that were ever loaded.
WHOLE_HISTORY = "tag:whole_history"
# What of dbt's variables holds for a scheduled run too: where it logs, and what a profile may ask for.
KEPT_VARIABLES = ("DBT_LOG_PATH", "DBT_ENV_")
# Both dbt commands in one process, which saves a start. Where the system can do it, the process dies with this script;
# elsewhere it keeps the lock until it ends. What freshness cannot read is for the build to judge.
DBT = """
import ctypes, json, os, signal, sys
if hasattr(ctypes.CDLL(None), "prctl"):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("The run that started this has ended.")
from dbt.cli.main import dbtRunner
for command in json.loads(sys.argv[2]):
    done = dbtRunner().invoke(command)
    print(done.exception or "")
sys.exit(not done.success)
"""


class Build(NamedTuple):
    """What dbt said of a build: its id, what failed, what it warned of."""

    invocation_id: str | None
    errors: list[str]
    warnings: list[str]


def start_build(
    where: list[str], environment: dict[str, str], full_refresh: bool, left_out: list[str], locks: list[int]
) -> subprocess.Popen[str]:
    """Start source freshness and then dbt build `where` to, but for some tests; the locks stay held as long as it runs.

    Raises click.UsageError where JOURNEY_THREADS is no number of models.
    """
    threads = os.environ.get("JOURNEY_THREADS", "2")
    if not re.fullmatch("[1-9][0-9]{0,2}", threads):
        raise click.UsageError(f"JOURNEY_THREADS is no number of models: {quote(threads)}.")
    (target_path() / "sources.json").unlink(missing_ok=True)
    paths = {}
    if raw_path := os.environ.get("JOURNEY_RAW_PATH"):
        paths["JOURNEY_RAW_PATH"] = str(Path(raw_path).absolute())
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT / "profiles"), *where]
    options += [
        "--target-path",
        str(target_path()),
        "--log-format",
        "json",
        "--log-format-file",
        "debug",
        "--no-use-colors",
    ]
    # dbt takes its options from variables too: a schedule builds, tests and writes down the same in any shell.
    variables = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("DBT_") or name.startswith(KEPT_VARIABLES)
    }
    build = [*BUILD, *left_out, *(["--full-refresh"] if full_refresh else [])]
    commands = json.dumps([[*command, *options] for command in (["source", "freshness"], build)])
    return subprocess.Popen(
        [sys.executable, "-c", DBT, str(os.getpid()), commands],
        cwd=PROJECT,
        env=variables | environment | paths,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=locks,
    )


def target_path() -> Path:
    """A folder of its own: a developer's dbt in the same checkout would make every run parse the project anew."""
    return Path(os.environ.get("DBT_TARGET_PATH") or PROJECT / "target").resolve() / "refresh_marts"


def read_artifact(path: Path) -> dict[str, Any]:
    try:
        artifact: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return artifact


def read_manifest() -> dict[str, Any]:
    return read_artifact(target_path() / "manifest.json")


def names_of_marts(manifest: dict[str, Any], schema: str) -> list[str]:
    """List the tables that dbt builds for publishing. Raises click.ClickException when there are none."""
    nodes = [node for node in manifest.get("nodes", {}).values() if node["resource_type"] == "model"]
    if marts := sorted(node["alias"] for node in nodes if node["schema"] == schema):
        return marts
    raise click.ClickException("dbt names no marts, so there is nothing to publish.")


def read_freshness() -> dict[str, str]:
    """How fresh each raw table is, in words; nothing where dbt could not say."""
    freshness = {}
    for result in read_artifact(target_path() / "sources.json").get("results", []):
        latest = result.get("max_loaded_at")
        verdict = {"pass": "fresh", "warn": "STALE"}.get(result["status"], result["status"])
        freshness[result["unique_id"].rpartition(".")[2]] = f"{verdict}, newest {latest[:19]}" if latest else verdict
    return freshness


def watch_build(child: subprocess.Popen[str], show: Callable[[str], None]) -> Build:
    """Show what dbt does, and gather what it says of the build, until it ends."""
    invocations: list[str] = []
    errors: list[str] = []
    warnings: list[str] = []
    last_words = ""
    for line in child.stdout or ():
        try:
            event = json.loads(line)
            kind, text, data = event["info"]["name"], event["info"]["msg"], event["data"]
        except (ValueError, TypeError, KeyError):
            last_words = line.strip() or last_words
            continue
        if kind == "MainReportVersion":
            invocations.append(event["info"]["invocation_id"])
            errors = []  # those of freshness: the build will meet them too
        elif kind in ("RunResultError", "MainEncounteredError"):
            errors.append(essence(text, data))
        elif kind == "RunResultWarningMessage":
            warnings.append(essence(text, data))
        elif text and kind.startswith("Log"):
            show(printable(text))
    code = child.wait()
    if code != 0 and not errors:
        errors = [last_words or f"dbt ended with code {code}"]
    return Build(invocations[1] if len(invocations) > 1 else None, errors if code != 0 else [], warnings)


def essence(text: str, data: dict[str, Any]) -> str:
    """Take the first line that says something out of what dbt says, with the model or test that it is about."""
    node = data.get("node_info", {}).get("node_name")
    lines = [line.strip() for line in text.splitlines()]
    headings = re.compile(r"|Encountered an error:|(Credentials in profile .* invalid: )?\w+ Error( in .*)?")
    said = next((line for line in lines if not headings.fullmatch(line)), lines[0] if lines else "")
    return printable(f"{node}: {said}" if node else said).rstrip(".")


def explain_failure(errors: list[str]) -> click.ClickException:
    """Say what stopped the build, and which file it was when that can be found out."""
    first = errors[0]
    if "No module named 'dbt" in first:
        return click.UsageError(f"dbt is not installed for {sys.executable}: run `make install`.")
    if "Could not find adapter type postgres" in first:
        return click.UsageError(f"dbt-postgres is not installed for {sys.executable}: run `make install-postgres`.")
    if "Could not set lock" in first:
        return Locked(f"Another program has the build file open: {first}.")
    if any(fault in first for fault in MACHINE_FAULTS):
        return click.UsageError(f"The build could not go on, nothing is published: {first}.")
    raw_path = os.environ.get("JOURNEY_RAW_PATH")
    if raw_path and ".parquet" not in first and DATA_FAULTS.search(first):
        first += find_broken_file(Path(raw_path), read_manifest())
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return click.ClickException(f"The build failed, nothing is published: {first}{more}.")


def find_broken_file(raw_path: Path, manifest: dict[str, Any]) -> str:
    """Read every raw file, the newest first, as the build does, and name the first that cannot be read."""
    with duckdb.connect() as connection:
        for source in manifest.get("sources", {}).values():
            wanted = {name.lower(): column["data_type"] for name, column in source["columns"].items()}
            files = sorted((raw_path / source["name"]).rglob("*.parquet"), key=lambda file: -file.stat().st_mtime)
            for file in files:
                name = literal(re.sub(r"([*?[])", r"[\1]", str(file)))
                rows = f"read_parquet({name}, hive_partitioning = false)"
                try:
                    present = [name for name, *_ in connection.execute(f"describe select * from {rows}").fetchall()]
                    # A load time that cannot be read is a missing one there, and breaks no file.
                    casts = [
                        f"{'try_cast' if name.lower() == 'loaded_at' else 'cast'}({name} as {wanted[name.lower()]})"
                        for name in present
                        if name.lower() in wanted
                    ]
                    connection.execute(f"select bit_xor(hash({', '.join(casts) or 0})) from {rows}").fetchall()
                except duckdb.Error as error:
                    return f" - it is the file {quote(file)}: {reason(error)}"
    return ""
