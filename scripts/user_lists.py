"""The lists of users in a published file: those of users of whom something has arrived are replaced, all others stay.

Most of what is published is `journey_metric_users`, which the build holds as a view, and most of its rows are published
already. What decides the rows of a user is what arrived of that user, the definitions, and the code.
"""

import hashlib
import re
from typing import Any

import click
import duckdb

LISTS = "journey_metric_users"
DEFINITIONS = ("int_journeys", "int_journey_steps")
EVENT_TABLES = ("int_journey_event_rows", "int_user_event_rows")
# Above this share of new rows it takes less time to make all lists anew.
MOST_NEW = 0.1

# A late twin can take an event away from one user and give it to another: both of its deliveries come along. Of what
# users do, only what may convert them counts.
CHANGED_USERS = """
    create or replace temporary table changed_users as
    with conversion_names as (select conversion_event_name as event_name from intermediate.int_journeys),
    deliveries as (
        select user_id from intermediate.int_journey_event_rows where batch_number > $journey_batch
        union all
        select user_id from intermediate.int_journey_event_redeliveries where changed_batch_number > $journey_batch
        union all
        select user_id from intermediate.int_user_event_rows
        where batch_number > $user_batch and event_name in (from conversion_names)
        union all
        select user_id from intermediate.int_user_event_redeliveries
        where changed_batch_number > $user_batch and event_name in (from conversion_names)
    )
    select distinct user_id from deliveries
    -- A filter that leaves something out lets DuckDB look for these few while it scans.
    union all select null
"""
IS_CHANGED = "user_id in (select user_id from changed_users where user_id is not null)"


def state_of_lists(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> dict[str, Any]:
    """What decides the lists of a build: the same for all users, and up to which batches the events of each."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]
    decided_by: list[Any] = sorted(str(node["checksum"]) for node in nodes)
    decided_by += sorted(macro["macro_sql"] for macro in manifest["macros"].values())
    for table in DEFINITIONS:
        decided_by += connection.execute(f"select count(*), sum(hash(t)) from intermediate.{table} t").fetchall()
    state: dict[str, Any] = {"event_rows": 0}
    for table, batch in zip(EVENT_TABLES, ("journey_batch", "user_batch"), strict=True):
        read = f"select min(batch_number), coalesce(max(batch_number), 0), count(*) from intermediate.{table}"
        [(oldest, newest, rows)] = connection.execute(read).fetchall()
        decided_by.append(oldest)  # rebuilt tables begin with another one
        state[batch] = newest
        state["event_rows"] += rows
    return state | {"decided_by": hashlib.sha256(repr(decided_by).encode()).hexdigest()}


def can_be_replaced(published: dict[str, Any] | None, built: dict[str, Any] | None) -> bool:
    """Whether the published lists are those of the build but for a few users of whom something has arrived since."""
    if published is None or built is None or published["decided_by"] != built["decided_by"]:
        return False
    new_rows = built["event_rows"] - published["event_rows"]
    return bool(new_rows <= MOST_NEW * built["event_rows"])


def replace_lists(connection: duckdb.DuckDBPyConnection, published: dict[str, Any]) -> None:
    """Replace the rows of the changed users in the database `copied`, where the lists are as published.

    Raises click.ClickException where the build does not know the batches of the published lists, as after a restore.
    """
    for table, batch in zip(EVENT_TABLES, ("journey_batch", "user_batch"), strict=True):
        known = f"select 1 from intermediate.{table} where batch_number = $1 limit 1"
        if published[batch] and not connection.execute(known, [published[batch]]).fetchone():
            raise click.ClickException(f"The published lists are of a batch that {table} does not hold.")
    connection.execute(CHANGED_USERS, {name: published[name] for name in ("journey_batch", "user_batch")})
    connection.execute("begin")
    connection.execute(f"delete from copied.marts.{LISTS} where {IS_CHANGED}")
    connection.execute(f"insert into copied.marts.{LISTS} from marts.{LISTS} where {IS_CHANGED}")
    connection.execute("commit")


def check_lists(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> None:
    """Ask of an open file of marts whether its lists sum up to its numbers, as the project's tests ask of the build.

    Raises click.ClickException where they do not.
    """
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and "user_lists" in node["tags"]:
            sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"marts.\1", node["raw_code"])
            if connection.execute(re.sub(r"\{\{.*?\}\}", "", sql)).fetchone():
                raise click.ClickException(f"The lists of users do not pass {node['name']}.")
