"""The published file and those kept beside it: one writer at a time, and changes that a reader sees whole or not."""

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from messages import quote, reason


class Locked(click.ClickException):
    """Somebody else is at work."""

    exit_code = 3


@contextmanager
def lock(path: Path) -> Iterator[int]:
    """Hold the lock of a file, or say who does. It ends with its holder; what the file says is only for the message."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        file = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise click.UsageError(f"Cannot write into the folder {quote(path.parent)}: {reason(error)}.") from error
    try:
        deadline = time.monotonic() + 10
        while not try_lock(file):
            pid, host, since = ([*os.pread(file, 1000, 0).decode().split(), "?", "?", "?"])[:3]
            # The dbt of a run that was killed is about to end.
            if host != socket.gethostname() or is_alive(int(pid)) or time.monotonic() > deadline:
                raise Locked(f"Another run is at work: process {pid} on {host} since {since} holds {quote(lock_path)}.")
            time.sleep(0.05)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {socket.gethostname()} {datetime.now(UTC):%FT%TZ}".encode(), 0)
        yield file
    finally:
        os.close(file)


def try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def kept_files(published: Path) -> list[Path]:
    """List the published files that are kept, the oldest first."""
    name = re.compile(re.escape(published.stem) + r"\.\d{8}T\d{12}Z\.duckdb")
    return sorted(path for path in published.parent.iterdir() if name.fullmatch(path.name))


def kept_path(published: Path, microseconds: int) -> Path:
    """Name a kept file for its time of modification, which tells which one is published."""
    moment = datetime.fromtimestamp(microseconds // 10**6, UTC).replace(microsecond=microseconds % 10**6)
    return published.with_name(f"{published.stem}.{moment:%Y%m%dT%H%M%S%fZ}.duckdb")


def moment_of(kept: Path) -> int:
    """Read the microseconds that kept_path wrote."""
    moment = datetime.strptime(kept.name[-30:], ".%Y%m%dT%H%M%S%fZ.duckdb").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**6 + moment.microsecond


def name_of_published(published: Path) -> Path:
    return kept_path(published, published.stat().st_mtime_ns // 1000)


def give_name(file: Path, name: Path, folder: Path) -> None:
    """Give a complete file one more name, in one step that replaces what had it."""
    step = folder / "step"
    try:
        os.link(file, step)
    except OSError:  # a file system without hard links
        shutil.copy2(file, step)
        sync(step)
    os.replace(step, name)
    sync(name.parent)


def sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def keep_published(published: Path, folder: Path) -> None:
    """See that the published file is among the kept ones. A kill may have come between, or somebody put it there."""
    if published.exists() and not name_of_published(published).exists():
        give_name(published, name_of_published(published), folder)
