"""A batch is tested until it has passed, whatever came after it, and not again."""

import duckdb
import pytest
from conftest import DbtError
from test_worlds import Warehouse, warehouse  # noqa: F401 (a fixture)
from worlds import make_world, split_into_batches

pytestmark = pytest.mark.dbt

ROWS = "intermediate.int_journey_event_rows"


def change(warehouse: Warehouse, sql: str) -> None:  # noqa: F811
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(sql)


def build_rows(warehouse: Warehouse, *without: str) -> None:  # noqa: F811
    selected = ("--select", "+int_journey_event_rows", "--indirect-selection", "cautious")
    excluded = ("--exclude-resource-type", "unit_test", *without)
    warehouse.dbt("build", *selected, *excluded, raw_path=warehouse.raw_path, database=warehouse.database)


def test_a_batch_that_failed_is_tested_until_it_passes_and_then_no_more(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.start_anew()
    first, second, third = split_into_batches(make_world(60, 100), 60, 3)
    warehouse.load(first)
    build_rows(warehouse, "test")
    change(warehouse, f"update {ROWS} set event_type = null where reject_reason is null")

    # The first run stopped before its tests: its batch is tested with the next, and when it fails, with the one after.
    for batch in (second, third):
        warehouse.load(batch)
        with pytest.raises(DbtError, match="never_null_int_journey_event_rows"):
            build_rows(warehouse)

    change(warehouse, f"update {ROWS} set event_type = 'journey_entered' where event_type is null")
    build_rows(warehouse)
    change(warehouse, f"update {ROWS} set event_type = null where reject_reason is null")
    build_rows(warehouse)
