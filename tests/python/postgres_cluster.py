"""A private PostgreSQL for tests, in a temporary folder, reachable through a socket there and nowhere else.

It is run by an ordinary user, because PostgreSQL refuses root: by the user `postgres` when the tests are root's.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

HOW_TO_INSTALL = "The server of PostgreSQL 15 or later is not installed: apt-get install postgresql."
# A cluster that nobody needs after a crash need not survive one.
SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "jit=off")
# Neither the language nor the time zone of a server may change a number: in Turkish I is not the capital of i.
DATABASE = """
    create database journeys template template0 locale_provider icu icu_locale 'tr-TR';
    alter database journeys set timezone = 'Asia/Kolkata'
"""


@dataclass(frozen=True)
class Cluster:
    """A running server with an empty database."""

    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """The variables that lead the target `postgres` there."""
        names = {"HOST": str(self.folder), "PORT": "5432", "USER": "journeys", "PASSWORD": "", "DATABASE": "journeys"}
        return {f"JOURNEY_POSTGRES_{name}": value for name, value in names.items()}

    @property
    def url(self) -> str:
        return f"postgresql://journeys@/journeys?host={self.folder}"

    def connect(self, autocommit: bool = True) -> "psycopg.Connection[Any]":
        import psycopg  # not in every environment whose pytest reads this file

        return psycopg.connect(self.url, autocommit=autocommit, options="-c timezone=UTC")

    def start_anew(self) -> None:
        """Drop everything that a build has made."""
        with self.connect() as connection:
            schemas = connection.execute(
                "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$|public$)'"
            ).fetchall()
            for (schema,) in schemas:
                connection.execute(f'drop schema "{schema}" cascade')


def binaries() -> Path:
    """The folder of the newest server that is installed. Fails with the way to install one."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if on_path is None and not found:
        pytest.fail(HOW_TO_INSTALL, pytrace=False)
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a server, and end it."""
    import psycopg

    # Not pytest's own folder: the path of a socket has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="journeys_postgres_"))
    data, log = folder / "data", folder / "log"
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries() / program), *arguments, "--pgdata", str(data)]
        done = subprocess.run(command, cwd=folder, **user, stdout=log.open("a"), stderr=subprocess.STDOUT)
        assert done.returncode == 0, log.read_text()

    log.touch()
    try:
        run("initdb", "--auth=trust", "--username=journeys", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        options = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={folder}"))
        run("pg_ctl", "start", "--wait", "--log", str(data / "server.log"), "--options", options)
        try:
            with psycopg.connect(f"postgresql://journeys@/postgres?host={folder}", autocommit=True) as connection:
                for statement in DATABASE.split(";"):
                    connection.execute(statement)
            yield Cluster(folder)
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
