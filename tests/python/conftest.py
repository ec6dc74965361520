"""How the tests run dbt: in a process of its own, with everything it writes in a temporary folder.

`dbt` runs any command, `sample_database` is one complete build of the sample, `manifest` is what dbt parsed.
A test that uses one of them carries the marker `dbt`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]


class DbtError(Exception):
    """A dbt command failed; the text is what it printed."""


class DbtRun(NamedTuple):
    """What a dbt command left behind."""

    database: Path
    target_path: Path
    output: str

    def read_artifact(self, name: str) -> dict[str, Any]:
        """Read one of dbt's files, such as `manifest` or `run_results`."""
        artifact: dict[str, Any] = json.loads((self.target_path / f"{name}.json").read_text())
        return artifact


@dataclass
class Dbt:
    """Runs dbt on the project, by default on the sample.

    Runs with the same raw folder, database, variables and environment share a target folder, so all but the first skip
    parsing, which is most of the time of a small build. To build many worlds, keep these and replace what they hold:

        dbt("build", "--full-refresh", "--exclude-resource-type", "test", "unit_test", raw_path=raw, database=database)

    Variables of the caller's own environment that could lead dbt elsewhere (DBT_*, JOURNEY_*) are not passed on; those
    of a target stand in `settings`.
    """

    folder: Path
    target: str = "duckdb"
    settings: Mapping[str, str] = field(default_factory=dict)
    target_paths: dict[str, Path] = field(default_factory=dict)

    def __call__(
        self,
        *arguments: str,
        raw_path: Path | None = None,
        database: Path | None = None,
        variables: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> DbtRun:
        settings = repr((raw_path, database, sorted((variables or {}).items()), sorted((environment or {}).items())))
        target_path = self.target_paths.setdefault(settings, self.folder / f"target_{len(self.target_paths)}")
        target_path.mkdir(exist_ok=True)
        database = database or target_path / "build.duckdb"
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("DBT_", "JOURNEY_"))}
        own = {"JOURNEY_DUCKDB_PATH": str(database), **self.settings}
        own |= {"JOURNEY_RAW_PATH": str(raw_path)} if raw_path else {}
        command = [
            *(str(Path(sys.executable).parent / "dbt"), "--no-use-colors", *arguments),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT / "profiles"), "--target", self.target),
            *("--target-path", str(target_path), "--log-path", str(target_path / "logs")),
            *("--vars", json.dumps(dict(variables or {}))),
        ]
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=inherited | own | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise DbtError(f"dbt {' '.join(arguments)} failed with exit code {done.returncode}:\n{done.stdout}")
        return DbtRun(database, target_path, done.stdout)


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="session")
def manifest(dbt: Dbt) -> dict[str, Any]:
    """What dbt parsed, whether or not it can be built; beside the built sample, whose manifest has compiled code."""
    return dbt("parse", database=dbt.folder / "parsed.duckdb").read_artifact("manifest")


@pytest.fixture(scope="session")
def sample_build(dbt: Dbt) -> DbtRun:
    """One build of the sample with every data test and unit test. Read it, do not write to it."""
    return dbt("build", database=dbt.folder / "sample.duckdb")


@pytest.fixture(scope="session")
def sample_database(sample_build: DbtRun) -> Path:
    return sample_build.database


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "dbt" in getattr(item, "fixturenames", ()):
            item.add_marker("dbt")
    for marker in ("long", "postgres", "spark"):
        if marker not in config.getoption("markexpr"):
            left_out = [item for item in items if item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
