"""Tables that are built whole are kept while nothing they are made of has changed, and never longer."""

from pathlib import Path

import duckdb
import pytest
from conftest import Dbt, DbtRun
from test_worlds import BUILD, Warehouse, warehouse  # noqa: F401 (a fixture)
from worlds import make_world, split_into_batches

pytestmark = pytest.mark.dbt


def names(run: DbtRun, is_kept: bool) -> set[str]:
    """The models of this materialization that a run kept, or built."""
    nodes = run.read_artifact("manifest")["nodes"]
    return {
        nodes[result["unique_id"]]["name"]
        for result in run.read_artifact("run_results")["results"]
        if nodes.get(result["unique_id"], {}).get("config", {}).get("materialized") == "kept_table"
        and (result["message"] == "KEPT") is is_kept
    }


def test_a_table_is_built_again_only_when_something_it_is_made_of_has_changed(dbt: Dbt, tmp_path: Path) -> None:
    database = tmp_path / "build.duckdb"
    first = dbt(*BUILD, database=database)
    assert not names(first, is_kept=True)
    everything = names(first, is_kept=False)
    assert {"journey_overview", "int_journey_cohorts", "rejected_events"} < everything

    assert names(dbt(*BUILD, database=database), is_kept=True) == everything

    # What a run leaves that is killed while it builds the table: the table of before, and no note of it.
    with duckdb.connect(str(database)) as connection:
        connection.execute("delete from intermediate.kept_tables where table_name = 'int_journey_cohorts'")
    assert names(dbt(*BUILD, database=database), is_kept=False) == {"int_journey_cohorts"}

    # A table that somebody dropped.
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop table marts.journey_step_flow")
    assert names(dbt(*BUILD, database=database), is_kept=False) == {"journey_step_flow"}

    assert names(dbt(*BUILD, "--full-refresh", database=database), is_kept=False) == everything


def test_what_new_rows_do_not_reach_is_kept(warehouse: Warehouse) -> None:  # noqa: F811
    world = make_world(31, 100)
    warehouse.start_anew()
    warehouse.load(world | {"journeys": world["journeys"][:1]})
    warehouse.run()
    warehouse.load({"journeys": [world["journeys"][0] | {"journey_name": "Renamed", "loaded_at": None}]})
    warehouse.run()
    assert not warehouse.differences()
    warehouse.load({"journeys": world["journeys"][1:]})
    run = warehouse.dbt(*BUILD, raw_path=warehouse.raw_path, database=warehouse.database)
    assert not warehouse.differences()
    assert "rejected_events" in names(run, is_kept=True)
    assert "journey_overview" in names(run, is_kept=False)


def test_models_that_were_built_out_of_turn_catch_up(warehouse: Warehouse) -> None:  # noqa: F811
    """A table built from some new and some old tables is not taken for one that is up to date."""
    warehouse.start_anew()
    for number, batch in enumerate(split_into_batches(make_world(32, 200), 32, 3)):
        warehouse.load(batch)
        if number:
            some = ("int_journey_event_rows", "int_journey_entries", "journey_overview", "journey_step_flow")
            warehouse.dbt("run", "--select", *some, raw_path=warehouse.raw_path, database=warehouse.database)
        warehouse.run()
        assert not warehouse.differences()
