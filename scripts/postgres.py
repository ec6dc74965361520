"""Connections to the PostgreSQL of the target `postgres`, named by the same variables as in profiles/profiles.yml."""

import os
from typing import Any

import click
from messages import quote, reason

# What each part is, as libpq calls it; where nothing is named, profiles.yml has the same default.
SETTINGS = {
    "host": ("JOURNEY_POSTGRES_HOST", "localhost"),
    "port": ("JOURNEY_POSTGRES_PORT", "5432"),
    "user": ("JOURNEY_POSTGRES_USER", "journeys"),
    "password": ("JOURNEY_POSTGRES_PASSWORD", ""),
    "dbname": ("JOURNEY_POSTGRES_DATABASE", "journeys"),
}


def driver() -> Any:
    """The module of the driver, which only runs on PostgreSQL need. Raises click.UsageError where it is missing."""
    try:
        import psycopg
    except ImportError as error:
        raise click.UsageError("The driver of PostgreSQL is not installed: run `make install-postgres`.") from error
    return psycopg


def connect(conninfo: str | None = None, **options: Any) -> Any:
    """Open a connection that reads and writes UTF-8 and UTC: to `conninfo`, or to what the environment names.

    Raises click.UsageError when the driver is missing or the server cannot be reached.
    """
    psycopg = driver()
    settings: dict[str, Any] = {"client_encoding": "utf8", "options": "-c timezone=UTC -c datestyle=ISO"}
    if conninfo is None:
        settings |= {part: os.environ.get(name) or default for part, (name, default) in SETTINGS.items()}
        settings = {part: value for part, value in settings.items() if value}  # without a password: that of ~/.pgpass
    try:
        return psycopg.connect(conninfo or "", **settings, **options)
    except psycopg.Error as error:
        where = "there" if conninfo else f"at {quote(settings['host'])} port {settings['port']}"
        raise click.UsageError(f"Cannot open PostgreSQL {where}: {reason(error)}.") from error
