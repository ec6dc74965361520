"""The models are written in what SQL dialects share: their compiled SQL is read by a parser of each dialect.

That a dialect can read a model does not say that the model runs there: its engine needs macros in macros/dialect, and
tests. Where a dialect cannot read a model, EXCEPTIONS says why; a row that is no longer needed is a failure too.
"""

import re

import pytest
import sqlglot
from conftest import DbtRun

DIALECTS = ("duckdb", "postgres", "spark", "databricks", "trino", "snowflake", "bigquery")
EXCEPTIONS = {
    ("snowflake", "int_journey_entries"): "It has no named windows.",
    ("snowflake", "int_journey_entry_events"): "It has no named windows.",
    ("bigquery", "int_journey_event_redeliveries"): "It wants `union distinct` for `union`.",
    ("bigquery", "int_user_event_redeliveries"): "It wants `union distinct` for `union`.",
    ("bigquery", "journey_overview_daily"): "It wants `union distinct` for `union`.",
}


def unreadable_models(compiled: dict[str, str], dialect: str) -> dict[str, str]:
    """The models that cannot be read in a dialect, with the parser's complaint."""
    complaints = {}
    for name, sql in compiled.items():
        try:
            # How names of relations are quoted is the affair of each adapter.
            sqlglot.parse_one(re.sub(r'"\w+"\."(\w+)"\."(\w+)"', r"\1.\2", sql), read=dialect)
        except sqlglot.errors.SqlglotError as error:
            complaints[name] = str(error).splitlines()[0]
    return complaints


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_can_be_read_in_the_dialect(sample_build: DbtRun, dialect: str) -> None:
    nodes = sample_build.read_artifact("manifest")["nodes"].values()
    compiled = {node["name"]: node["compiled_code"] for node in nodes if node["resource_type"] == "model"}
    assert len(compiled) > 40
    complaints = unreadable_models(compiled, dialect)
    excepted = {name for excepted_dialect, name in EXCEPTIONS if excepted_dialect == dialect}
    assert {name: complaint for name, complaint in complaints.items() if name not in excepted} == {}
    assert excepted <= complaints.keys(), "these can be read: their rows in EXCEPTIONS can go"


def test_what_a_dialect_cannot_read_is_seen() -> None:
    assert unreadable_models({"model": "select a from b qualify true"}, "duckdb") == {}
    assert list(unreadable_models({"model": "select a from (b"}, "duckdb")) == ["model"]
