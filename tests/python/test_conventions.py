"""The conventions of this project that dbt's manifest, its files and a built sample can show.

A rule looks at one model and names what is wrong with it. Who breaks a rule for a good reason has a row in EXCEPTIONS;
a row that is no longer needed is a failure too. Every rule is shown a model that breaks it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, DbtRun

Node = dict[str, Any]
Manifest = dict[str, Any]
Rule = Callable[[Node, Manifest], Iterator[str]]

EXCEPTIONS = {
    ("has_at_most_100_lines", "int_journey_entry_events"): "Two models would write and read all events once more.",
    ("declares_its_grain_and_tests_it", "rejected_events"): "Two rejected rows can be the same in every column.",
    ("reads_only_the_layer_before", "load_reconciliation"): "Raw rows are counted where they arrive: in staging.",
}

PREFIXES = {"staging": "stg_", "intermediate": "int_", "marts": ""}
FAMILIES = ("journeys", "customers")
# What a model of a layer may read: other layers, sources, or folders of seeds.
READABLE = {
    "staging": ("source", "seeds/sample"),
    "intermediate": ("models/staging", "models/intermediate", "seeds/lookups"),
    "marts": ("models/intermediate", "seeds/lookups"),
}
NOT_ON_EVERY_ENGINE = (r"select\s+distinct", r"qualify", r"group\s+by\s+all", r"ignore\s+nulls", r"asof")
PROMISED_TYPES = {
    r"_(count|users|entries)$": "BIGINT",
    r"_at$": "TIMESTAMP",
    r"_(date|day)$|^date_day$": "DATE",
    r"_pct$": "DOUBLE",
    r"_id$": "VARCHAR",
    r"^(is|has)_": "BOOLEAN",
}


def layer_of(node: Node) -> str:
    return str(Path(node["original_file_path"]).parts[1])


def models_of(manifest: Manifest) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def without_comments_and_texts(sql: str) -> str:
    return re.sub(r"\{#.*?#\}|--[^\n]*|'[^']*'", " ", sql, flags=re.DOTALL)


def opens_with_its_grain(model: Node, manifest: Manifest) -> Iterator[str]:
    if not model["raw_code"].startswith("-- Grain: "):
        yield "does not open with `-- Grain: `"


def ends_in_its_last_step(model: Node, manifest: Manifest) -> Iterator[str]:
    steps = re.findall(r"^(?:with )?(\w+) as \($", model["raw_code"], re.MULTILINE)
    if not steps or not model["raw_code"].endswith(f"\n\nselect * from {steps[-1]}"):
        yield "does not end in `select * from <last step>`"


def has_at_most_100_lines(model: Node, manifest: Manifest) -> Iterator[str]:
    lines = len(model["raw_code"].splitlines())
    if lines > 100:
        yield f"has {lines} lines"


def is_portable(model: Node, manifest: Manifest) -> Iterator[str]:
    for words in NOT_ON_EVERY_ENGINE:
        if found := re.search(rf"\b{words}\b", without_comments_and_texts(model["raw_code"]), re.IGNORECASE):
            yield f"says `{found.group()}`"


def has_control_jinja_only_when_incremental(model: Node, manifest: Manifest) -> Iterator[str]:
    control = set(re.findall(r"\{%-?\s*(\w+)", re.sub(r"\{#.*?#\}", "", model["raw_code"], flags=re.DOTALL)))
    allowed = {"if", "else", "elif", "endif", "set"} if model["config"]["materialized"] == "incremental" else set()
    if control - allowed:
        yield f"has control Jinja: {', '.join(sorted(control - allowed))}"


def is_named_for_its_place(model: Node, manifest: Manifest) -> Iterator[str]:
    layer, folders = layer_of(model), Path(model["original_file_path"]).parts[2:-1]
    if layer not in PREFIXES or not folders or folders[0] not in FAMILIES:
        yield "is not in models/<layer>/<family>/"
        return
    others = tuple(prefix for prefix in PREFIXES.values() if prefix and prefix != PREFIXES[layer])
    if not model["name"].startswith(PREFIXES[layer]) or model["name"].startswith(others):
        yield f"does not carry the prefix of {layer}"


def reads_only_the_layer_before(model: Node, manifest: Manifest) -> Iterator[str]:
    for parent in model["depends_on"]["nodes"]:
        path = "source" if parent.startswith("source.") else manifest["nodes"][parent]["original_file_path"]
        if not path.startswith(READABLE.get(layer_of(model), ())):
            yield f"reads {parent.split('.', 2)[2]}"


def has_a_yml_of_its_own(model: Node, manifest: Manifest) -> Iterator[str]:
    expected = Path(model["original_file_path"]).with_suffix(".yml")
    if (model["patch_path"] or "").split("://")[-1] != str(expected):
        yield f"is not described in {expected}"


def says_what_one_row_is(model: Node, manifest: Manifest) -> Iterator[str]:
    if not re.match(r"One [a-z].*?\.", model["description"], re.DOTALL):
        yield "does not say in the first sentence of its description what one row is: `One ...`"


def names_its_unit_tests_in_sentences(model: Node, manifest: Manifest) -> Iterator[str]:
    for test in manifest["unit_tests"].values():
        if test["model"] == model["name"] and not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", test["name"]):
            yield f"has a unit test whose name is no sentence: {test['name']}"


def publishes_under_a_complete_contract(model: Node, manifest: Manifest) -> Iterator[str]:
    if layer_of(model) != "marts":
        return
    if not model["config"]["contract"]["enforced"]:
        yield "does not enforce its contract"
    if not model["columns"]:
        yield "describes no column"
    for column in model["columns"].values():
        if not column["description"] or not column["data_type"]:
            yield f"lacks the description or the type of {column['name']}"


def declares_its_grain_and_tests_it(model: Node, manifest: Manifest) -> Iterator[str]:
    if layer_of(model) != "marts":
        return
    grain = model["config"]["meta"].get("grain")
    if not isinstance(grain, list) or not grain or not set(grain) <= model["columns"].keys():
        yield "declares no config.meta.grain of columns that it has"
        return
    tests = [node for node in manifest["nodes"].values() if node.get("attached_node") == model["unique_id"]]
    if not any(grain in test["test_metadata"]["kwargs"].values() for test in tests):
        yield f"has no data test of its grain ({', '.join(grain)})"


RULES: list[Rule] = [
    opens_with_its_grain,
    ends_in_its_last_step,
    has_at_most_100_lines,
    is_portable,
    has_control_jinja_only_when_incremental,
    is_named_for_its_place,
    reads_only_the_layer_before,
    has_a_yml_of_its_own,
    says_what_one_row_is,
    names_its_unit_tests_in_sentences,
    publishes_under_a_complete_contract,
    declares_its_grain_and_tests_it,
]


def judge(rule: str, found: dict[str, list[str]]) -> None:
    """Fail on everything found that is no exception, and on every exception that found nothing."""
    excepted = {name for excepted_rule, name in EXCEPTIONS if excepted_rule == rule}
    lines = [f"{name} {problem}" for name, problems in found.items() if name not in excepted for problem in problems]
    lines += [f"{name} keeps the rule: its row in EXCEPTIONS can go" for name in excepted if not found.get(name)]
    if lines:
        pytest.fail("\n".join([f"The rule {rule}:", *lines]), pytrace=False)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_model(rule: Rule, manifest: Manifest) -> None:
    judge(rule.__name__, {model["name"]: list(rule(model, manifest)) for model in models_of(manifest)})


def columns_by_model(build: DbtRun) -> dict[str, dict[str, str]]:
    """The columns of each model that is a table or a view, with the types they have in the database."""
    sql = "select table_schema, table_name, column_name, data_type from information_schema.columns order by all"
    with duckdb.connect(str(build.database), read_only=True) as connection:
        built: dict[tuple[str, str], dict[str, str]] = {}
        for schema, table, column, data_type in connection.execute(sql).fetchall():
            built.setdefault((schema, table), {})[column] = data_type
    models = models_of(build.read_artifact("manifest"))
    return {model["name"]: built.get((model["schema"], model["name"]), {}) for model in models}


def broken_promises(columns: dict[str, str]) -> Iterator[str]:
    for column, data_type in columns.items():
        for pattern, promised in PROMISED_TYPES.items():
            if re.search(pattern, column) and data_type != promised:
                yield f"has {column} as {data_type}, not {promised}"


def test_every_column_has_the_type_that_its_name_promises(sample_build: DbtRun) -> None:
    columns = columns_by_model(sample_build)
    assert any(columns.values())
    judge("broken_promises", {name: list(broken_promises(columns[name])) for name in columns})


def misplaced(described: list[str], selected: list[str], is_complete: bool) -> Iterator[str]:
    if [column for column in selected if is_complete or column in described] != described:
        yield f"describes ({', '.join(described)}) and selects ({', '.join(selected)})"


def test_columns_are_described_in_the_order_of_the_select_and_in_marts_completely(sample_build: DbtRun) -> None:
    """An enforced contract brings columns into the order of the yml, so the compiled SQL is asked, not the table."""
    found = {}
    with duckdb.connect(str(sample_build.database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for model in models_of(sample_build.read_artifact("manifest")):
            selected = [row[0] for row in connection.execute(f"describe\n{model['compiled_code']}").fetchall()]
            found[model["name"]] = list(misplaced(list(model["columns"]), selected, layer_of(model) == "marts"))
    assert found
    judge("misplaced", found)


def asks_for_the_engine(text: str) -> bool:
    return bool(re.search(r"target\s*(\.\s*type|\[.type.\])|adapter\.type\(", text))


def test_only_the_dialect_macros_ask_for_the_engine() -> None:
    folders = ("models", "macros", "tests/generic", "tests/invariants", "seeds")
    files = [path for folder in folders for path in (PROJECT / folder).rglob("*") if path.suffix in (".sql", ".yml")]
    assert files
    dialect = PROJECT / "macros" / "dialect"
    found = [str(path) for path in files if dialect not in path.parents and asks_for_the_engine(path.read_text())]
    assert not found, "These ask for the engine and belong in macros/dialect: " + ", ".join(found)


def test_the_documents_name_only_models_that_exist(manifest: Manifest) -> None:
    # The changelog may also tell of models that are gone.
    documents = [PROJECT / "README.md", PROJECT / "DECISIONS.md", *PROJECT.glob("docs/*.md")]
    named = {name for path in documents for name in re.findall(r"`((?:stg|int)_\w+)`", path.read_text())}
    assert len(named) > 10
    assert named - {model["name"] for model in models_of(manifest)} == set()


# dbt checks the keys of yml files against its schema only for some adapters, and DuckDB's is not among them.
STRICT_PARSE = """
import sys
from dbt.cli.main import dbtRunner
from dbt.jsonschemas import jsonschemas

jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("duckdb")
strict = ["parse", "--no-partial-parse", "--no-use-colors", "--warn-error-options", '{"error": ["Deprecations"]}']
sys.exit(not dbtRunner().invoke([*strict, *sys.argv[1:]]).success)
"""


def parse_strictly(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Parse with unknown and deprecated keys as errors."""
    places = {"project": project, "profiles": project / "profiles"}
    arguments = [text for name, place in places.items() for text in (f"--{name}-dir", str(place))]
    arguments += ["--target", "duckdb", "--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("DBT_", "JOURNEY_"))}
    return subprocess.run(
        [sys.executable, "-c", STRICT_PARSE, *arguments],
        cwd=project,
        env=environment | {"JOURNEY_DUCKDB_PATH": str(folder / "strict.duckdb")},
        capture_output=True,
        text=True,
    )


def test_no_yml_has_a_key_that_dbt_does_not_know(tmp_path: Path) -> None:
    done = parse_strictly(PROJECT, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("misspelled", "yml"),
    [
        ("descripton", {"models": [{"name": "other", "descripton": "One other."}]}),
        ("colums", {"sources": [{"name": "other", "tables": [{"name": "events", "colums": []}]}]}),
        ("enabeld", {"sources": [{"name": "other", "config": {"enabeld": True}}]}),
    ],
)
def test_a_misspelled_key_in_a_yml_stops_the_parse(misspelled: str, yml: Node, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "macros", project / "macros")
    shutil.copytree(PROJECT / "profiles", project / "profiles")
    shutil.copy(PROJECT / "dbt_project.yml", project)
    (project / "models").mkdir()
    (project / "models" / "other.yml").write_text(json.dumps(yml))
    done = parse_strictly(project, tmp_path)
    assert done.returncode != 0
    assert misspelled in done.stdout


def node(name: str, path: str, **more: Any) -> Node:
    return {"unique_id": name, "name": name, "resource_type": "model", "original_file_path": path, **more}


TIDY_MART = node(
    "user_totals",
    "models/marts/journeys/user_totals.sql",
    patch_path="p://models/marts/journeys/user_totals.yml",
    description="One user of a journey. More words.",
    raw_code="-- Grain: one user.\nwith users as (\n\n    select 'qualify' from a -- asof\n\n)\n\nselect * from users",
    config={"materialized": "table", "contract": {"enforced": True}, "meta": {"grain": ["user_id"]}},
    columns={"user_id": {"name": "user_id", "description": "Key.", "data_type": "varchar"}},
    depends_on={"nodes": ["model.p.int_users", "seed.p.channel_metrics"]},
)
TIDY_MANIFEST: Manifest = {
    "nodes": {
        "model.p.int_users": node("int_users", "models/intermediate/journeys/int_users.sql"),
        "model.p.stg_users": node("stg_users", "models/staging/journeys/stg_users.sql"),
        "seed.p.channel_metrics": node("channel_metrics", "seeds/lookups/channel_metrics.csv"),
        "seed.p.user_events": node("user_events", "seeds/sample/user_events.csv"),
        "test.p.unique_user": {
            "attached_node": "user_totals",
            "test_metadata": {"kwargs": {"columns": ["user_id"]}},
        },
    },
    "unit_tests": {
        "tidy": {"model": "user_totals", "name": "a_user_is_counted_once"},
        "sloppy": {"model": "sloppy", "name": "test_users"},
    },
}
TIDY_SQL, TIDY_CONFIG, TIDY_COLUMN = TIDY_MART["raw_code"], TIDY_MART["config"], TIDY_MART["columns"]["user_id"]
BREACHES: list[tuple[Rule, Node]] = [
    (opens_with_its_grain, {"raw_code": "-- The users.\n" + TIDY_SQL}),
    (ends_in_its_last_step, {"raw_code": TIDY_SQL + " where true"}),
    (ends_in_its_last_step, {"raw_code": TIDY_SQL + "_of_another_step"}),
    (has_at_most_100_lines, {"raw_code": TIDY_SQL + 93 * "\n--"}),
    (is_portable, {"raw_code": TIDY_SQL + " Select  Distinct a"}),
    (is_portable, {"raw_code": TIDY_SQL + " qualify true"}),
    (is_portable, {"raw_code": TIDY_SQL + " group by all"}),
    (is_portable, {"raw_code": TIDY_SQL + " first_value(a ignore nulls)"}),
    (is_portable, {"raw_code": TIDY_SQL + " asof join b"}),
    (has_control_jinja_only_when_incremental, {"raw_code": TIDY_SQL + "{% if true %}{% endif %}"}),
    (
        has_control_jinja_only_when_incremental,
        {
            "raw_code": TIDY_SQL + "{%- for a in b %}{% endfor %}",
            "config": TIDY_CONFIG | {"materialized": "incremental"},
        },
    ),
    (is_named_for_its_place, {"name": "int_user_totals"}),
    (is_named_for_its_place, {"original_file_path": "models/intermediate/journeys/user_totals.sql"}),
    (is_named_for_its_place, {"original_file_path": "models/marts/finance/user_totals.sql"}),
    (is_named_for_its_place, {"original_file_path": "models/user_totals.sql"}),
    (reads_only_the_layer_before, {"depends_on": {"nodes": ["source.p.raw.users"]}}),
    (reads_only_the_layer_before, {"depends_on": {"nodes": ["model.p.stg_users"]}}),
    (reads_only_the_layer_before, {"depends_on": {"nodes": ["seed.p.user_events"]}}),
    (has_a_yml_of_its_own, {"patch_path": None}),
    (has_a_yml_of_its_own, {"patch_path": "p://models/marts/journeys/_models.yml"}),
    (says_what_one_row_is, {"description": ""}),
    (says_what_one_row_is, {"description": "The users of a journey."}),
    (names_its_unit_tests_in_sentences, {"name": "sloppy"}),
    (publishes_under_a_complete_contract, {"config": TIDY_CONFIG | {"contract": {"enforced": False}}}),
    (publishes_under_a_complete_contract, {"columns": {}}),
    (publishes_under_a_complete_contract, {"columns": {"user_id": TIDY_COLUMN | {"description": ""}}}),
    (publishes_under_a_complete_contract, {"columns": {"user_id": TIDY_COLUMN | {"data_type": None}}}),
    (declares_its_grain_and_tests_it, {"config": TIDY_CONFIG | {"meta": {}}}),
    (declares_its_grain_and_tests_it, {"config": TIDY_CONFIG | {"meta": {"grain": ["account_id"]}}}),
    (declares_its_grain_and_tests_it, {"unique_id": "untested"}),
]


def test_a_tidy_model_breaks_no_rule() -> None:
    assert {rule for rule, _ in BREACHES} == set(RULES)
    assert not [problem for rule in RULES for problem in rule(TIDY_MART, TIDY_MANIFEST)]


@pytest.mark.parametrize(("rule", "breach"), BREACHES, ids=[rule.__name__ for rule, _ in BREACHES])
def test_a_breach_of_a_rule_is_seen(rule: Rule, breach: Node) -> None:
    assert list(rule(TIDY_MART | breach, TIDY_MANIFEST))


def test_a_type_that_breaks_the_promise_of_its_name_is_seen() -> None:
    kept = {"a_count": "BIGINT", "first_at": "TIMESTAMP", "date_day": "DATE", "a_pct": "DOUBLE", "a_id": "VARCHAR"}
    assert not list(broken_promises(kept | {"is_a": "BOOLEAN", "attribution": "INTEGER"}))
    broken = {"a_users": "HUGEINT", "total_entries": "DOUBLE", "loaded_at": "TIMESTAMP WITH TIME ZONE"}
    broken |= {"cohort_date": "TIMESTAMP", "a_pct": "DECIMAL(18,3)", "a_id": "BIGINT", "has_a": "BIGINT"}
    assert len(list(broken_promises(broken))) == len(broken)


def test_a_column_out_of_order_or_without_words_is_seen() -> None:
    assert not list(misplaced(["a", "b"], ["a", "b"], is_complete=True))
    assert not list(misplaced(["a", "c"], ["a", "b", "c"], is_complete=False))
    assert list(misplaced(["a", "c"], ["a", "b", "c"], is_complete=True))
    assert list(misplaced(["b", "a"], ["a", "b"], is_complete=False))
    assert list(misplaced(["a", "d"], ["a", "b"], is_complete=False))


# With blanks, so that a search of the project for the first finds the dialects only.
@pytest.mark.parametrize("text", ["target . type == 'duckdb'", "target['type']", 'target ["type"]', "adapter.type()"])
def test_a_question_for_the_engine_is_seen(text: str) -> None:
    assert asks_for_the_engine(text) and asks_for_the_engine(text.replace(" ", ""))
    assert not asks_for_the_engine("target.schema, column.type")


def test_an_exception_that_is_not_needed_is_seen() -> None:
    [(rule, name)] = list(EXCEPTIONS)[:1]
    judge(rule, {name: ["breaks it"]})
    with pytest.raises(pytest.fail.Exception, match="can go"):
        judge(rule, {name: []})
    with pytest.raises(pytest.fail.Exception, match="another breaks it"):
        judge(rule, {name: ["breaks it"], "another": ["breaks it"]})
