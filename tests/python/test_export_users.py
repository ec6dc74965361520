"""`scripts/export_users.py` against a tiny hand-made marts database: what the files hold, what is refused and how."""

import csv
import hashlib
import hmac
import importlib.util
import io
import os
import pty
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from unittest.mock import patch

import click
import duckdb
import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape  # type: ignore[import-untyped]

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "scripts" / "export_users.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_users", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()

HEADER = ("user_id", "event_count", "first_at", "last_at")
NOON = datetime(2026, 1, 31, 12)
MARTS = f"""
    create schema marts;
    create table marts.journey_overview (journey_id text, {", ".join(f"{m} bigint" for m in script.JOURNEY_METRICS)});
    create table marts.journey_step_channel_metrics (
        journey_id text, step_id text, {", ".join(f"{m} bigint" for m in script.CHANNEL_METRICS)}
    );
    create table marts.journey_step_flow (
        journey_id text, step_id text, dropped_off_count bigint, waiting_count bigint
    );
    create table marts.journey_step_outcomes (journey_id text, step_id text, outcome text, outcome_count bigint);
    create table marts.journey_metric_users (
        journey_id text, step_id text, metric text, outcome text, user_id text, event_count bigint,
        first_at timestamp, last_at timestamp
    );
    insert into marts.journey_overview values ('welcome', 2, 5, 0, 0, 0), ('winback', 0, 0, 0, 0, 0);
    -- `push` is never shown, `wait` has entries only, `unseen` was not reached, `ask` has outcomes.
    insert into marts.journey_step_channel_metrics by name
    select * from (values
        ('welcome', 'push', 4, 2, 2, 0), ('welcome', 'wait', 1, null, null, null),
        ('welcome', 'unseen', 0, 0, 0, 0), ('welcome', 'ask', 3, 0, 0, 0)
    ) as steps (journey_id, step_id, entry_count, sent_count, failed_count, clicked_count);
    insert into marts.journey_step_flow values
        ('welcome', 'push', 1, 0), ('welcome', 'wait', 0, 1), ('welcome', 'ask', 0, 0);
    insert into marts.journey_step_outcomes values
        ('welcome', 'ask', 'yes', 2), ('welcome', 'ask', '(none)', 1), ('welcome', 'ask', 'later', 0);
"""
ENTRIES = [
    ("u2", 3, datetime(2026, 1, 31, 23, 59, 59, 999999), datetime(2026, 2, 1)),
    ("u1", 2, NOON, datetime(2026, 2, 1, 0, 0, 0, 1)),
]


def build_marts(path: Path, entries: Iterable[tuple[Any, ...]] = ENTRIES) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(MARTS)
        into = "insert into marts.journey_metric_users values"
        connection.executemany(f"{into} ('welcome', null, 'total_entries', null, ?, ?, ?, ?)", list(entries))
        connection.execute(f"""{into}
            ('welcome', 'push', 'sent_count', null, 'u1', 2, '{NOON}', '{NOON}'),
            ('welcome', 'ask', 'outcome_count', 'yes', 'u1', 2, '{NOON}', '{NOON}'),
            ('welcome', 'ask', 'outcome_count', '(none)', 'u2', 1, '{NOON}', '{NOON}')
        """)
    return path


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_marts(tmp_path_factory.mktemp("marts") / "journey.duckdb")


@pytest.fixture(scope="module")
def big_marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list that takes long enough to be interrupted."""
    path = build_marts(tmp_path_factory.mktemp("big") / "journey.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            insert into marts.journey_metric_users
            select 'winback', null, 'total_entries', null, md5(i::text), 1, '{NOON}', '{NOON}'
            from range(400000) as t (i)
        """)
    return path


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("JOURNEY_")} | variables


def command(database: Path, *arguments: object) -> list[str]:
    return [sys.executable, str(SCRIPT), "--database", str(database), *map(str, arguments)]


def request(output: Path, *arguments: str, journey: str = "welcome") -> list[str]:
    metric = [] if "--metric" in arguments else ["--metric", "total_entries"]
    kind = "xlsx" if output.suffix == ".xlsx" else "csv"
    return ["--journey", journey, *metric, *arguments, "--format", kind, "--output", str(output)]


Done = subprocess.CompletedProcess[str]


def run_process(line: list[str]) -> Done:
    return subprocess.run(line, capture_output=True, text=True, env=environment())


def run(database: Path, *arguments: object, **variables: str) -> Done:
    """Run the script in this process, which is quicker than a new one."""
    line = command(database, *arguments)
    code, stdout, stderr = 0, io.StringIO(), io.StringIO()
    with (
        kept_signal_handlers(),
        patch("sys.argv", line[1:]),
        patch.dict("os.environ", environment(**variables), clear=True),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        try:
            script.run_command(script.export_users)
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(line, code, stdout.getvalue(), stderr.getvalue())


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def export(database: Path, output: Path, *arguments: str, journey: str = "welcome", **variables: str) -> None:
    done = run(database, *request(output, *arguments, journey=journey), **variables)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def read_csv(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def assert_refused(done: Done, code: int, *words: str) -> None:
    """One sentence on stderr, nothing on stdout."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr


# CSV


def test_csv_is_byte_exact_and_ordered_by_code_point(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 5)
    ids = ["é", "a,b", 'say "hi"', "two\nlines", "007", "Z", "a b", "=1+1", "+1", "-1", "@x", "\U0001f600", "\ufffd"]
    database = build_marts(tmp_path / "journey.duckdb", [(user_id, 1, moment, NOON) for user_id in ids])
    done = run_process(command(database, *request(tmp_path / "users.csv")))
    times = b",1,2026-01-31T12:00:00.000005Z,2026-01-31T12:00:00.000000Z\r\n"
    cells = [
        *(b"'+1", b"'-1", b"007", b"'=1+1", b"'@x", b"Z", b"a b", b'"a,b"', b'"say ""hi"""', b'"two\nlines"'),
        *("é".encode(), "\ufffd".encode(), "\U0001f600".encode()),
    ]
    expected = b"user_id,event_count,first_at,last_at\r\n" + b"".join(cell + times for cell in cells)
    assert (tmp_path / "users.csv").read_bytes() == expected
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"Wrote 13 users to '{tmp_path}/users.csv'.\n")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_disarms_every_formula_start_unless_raw(tmp_path: Path, start: str) -> None:
    formula = f"{start}cmd|'/c calc'!A0"
    for raw, expected in ((False, f"'{formula}"), (True, formula)):
        file = io.BytesIO()
        script.write_csv([(formula, 1, NOON, NOON), (f"a{start}", 1, NOON, NOON)], file, raw=raw)
        rows = list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))
        assert [row[0] for row in rows[1:]] == [expected, f"a{start}"]


def test_raw_reaches_the_file(tmp_path: Path) -> None:
    database = build_marts(tmp_path / "journey.duckdb", [("=1", 1, NOON, NOON)])
    export(database, tmp_path / "users.csv", "--raw")
    assert read_csv(tmp_path / "users.csv")[1][0] == "=1"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
@settings(max_examples=50, deadline=None)
def test_raw_csv_gives_back_every_id(ids: list[str]) -> None:
    file = io.BytesIO()
    script.write_csv([(user_id, 1, NOON, NOON) for user_id in ids], file, raw=True)
    rows = csv.reader(io.StringIO(file.getvalue().decode(), newline=""))
    assert [row[0] for row in rows] == ["user_id", *ids]


# XLSX


def write_sheets(ids: Iterable[str], moment: datetime | str = NOON, **options: int) -> Any:
    file = io.BytesIO()
    with TemporaryDirectory() as folder:
        script.write_xlsx([(user_id, 7, moment, NOON) for user_id in ids], file, Path(folder), **options)
        assert os.listdir(folder) == [], "XlsxWriter left parts behind"
    return openpyxl.load_workbook(file), file


HOSTILE_IDS = [
    *(
        "007",
        "1e5",
        "=cmd|'/c calc'!A0",
        "{=1}",
        "+1",
        "-1",
        "@x",
        "https://example.org",
        "mailto:a@b.c",
        "internal:A1",
    ),
    *(
        "<r><t>7</t></r>",
        "<r>",
        "<r></r>",
        "<r>&</r>",
        "<r><t>\x01</t></r>",
        "a&b<c>",
        "_x0041_",
        "\x00\x07",
        "a\rb",
        "\ufffe",
    ),
    *("é", "\U0001f600", " padded ", "TRUE", "#REF!", "a" * 32_767),
]


def test_xlsx_keeps_texts_as_texts_numbers_as_numbers_and_times_as_times(tmp_path: Path) -> None:
    database = build_marts(tmp_path / "journey.duckdb", [(user_id, 7, NOON, NOON) for user_id in HOSTILE_IDS])
    done = run_process(command(database, *request(tmp_path / "users.xlsx")))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (sheet,) = openpyxl.load_workbook(tmp_path / "users.xlsx").worksheets
    assert tuple(cell.value for cell in sheet[1]) == HEADER
    lines = list(sheet.iter_rows(min_row=2))
    assert [unescape(line[0].value) for line in lines] == sorted(HOSTILE_IDS)
    assert {line[0].data_type for line in lines} <= {"s", "inlineStr"}
    assert {line[0].number_format for line in lines} == {"@"}  # or a later edit in Excel would make 007 a number
    assert {(line[1].value, line[1].data_type) for line in lines} == {(7, "n")}
    assert {(cell.value, cell.is_date) for line in lines for cell in line[2:]} == {(NOON, True)}


def test_xlsx_has_no_formula_and_no_link() -> None:
    _, file = write_sheets(HOSTILE_IDS)
    with zipfile.ZipFile(file) as parts:
        xml = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f" not in xml.replace("<formatCode", "") and "yperlink" not in xml
        assert not [name for name in parts.namelist() if "worksheets/_rels" in name]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=3))
@settings(max_examples=50, deadline=None)
def test_xlsx_gives_back_every_id(ids: list[str]) -> None:
    book, _ = write_sheets(ids)
    assert [unescape(cell.value) for cell in book.active["A"]] == ["user_id", *ids]


@pytest.mark.parametrize(("users", "sheets"), [(0, [[]]), (3, [["0", "1", "2"]]), (4, [["0", "1", "2"], ["3"]])])
def test_xlsx_goes_on_in_further_sheets_with_the_header_again(users: int, sheets: list[list[str]]) -> None:
    book, _ = write_sheets(map(str, range(users)), sheet_users=3)
    assert [[cell.value for cell in sheet["A"]] for sheet in book] == [["user_id", *ids] for ids in sheets]
    assert all(tuple(cell.value for cell in sheet[1]) == HEADER for sheet in book)


def test_an_xlsx_sheet_is_as_long_as_excel_allows() -> None:
    assert script.SHEET_USERS + 1 == 2**20


@pytest.mark.parametrize(
    ("moment", "cell"),
    [
        (datetime(2026, 1, 31, 23, 59, 59, 999999), datetime(2026, 1, 31, 23, 59, 59, 999000)),
        (datetime(1900, 3, 1), datetime(1900, 3, 1)),
        (datetime(1900, 2, 28, 12), datetime(1900, 2, 28, 12)),
        (datetime(1900, 1, 1), datetime(1900, 1, 1)),
        (datetime(1899, 12, 31, 23, 59, 59, 999999), "1899-12-31T23:59:59.999999Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00.000000Z"),
        ("12000-01-01 00:00:00", "12000-01-01 00:00:00"),
    ],
)
def test_xlsx_times(moment: datetime | str, cell: datetime | str) -> None:
    book, _ = write_sheets(["u1"], moment)
    assert book.active["C2"].value == cell


@pytest.mark.parametrize(
    ("day", "serial"), [(datetime(1900, 1, 1), 1), (datetime(1900, 2, 28), 59), (datetime(1900, 3, 1), 61)]
)
def test_excel_days_know_the_29_february_1900(day: datetime, serial: float) -> None:
    assert script.excel_time(day) == serial


@pytest.mark.parametrize("user_id", ["a" * 32_768, "\U0001f600" * 16_384])
def test_an_id_too_long_for_excel_is_refused_not_cut(tmp_path: Path, user_id: str) -> None:
    database = build_marts(tmp_path / "journey.duckdb", [(user_id, 1, NOON, NOON)])
    done = run(database, *request(tmp_path / "users.xlsx"))
    assert_refused(done, 2, "too long for an Excel cell", "--format csv")
    assert len(done.stderr) < 200
    assert os.listdir(tmp_path) == ["journey.duckdb"]


def test_a_list_beyond_4_gb_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    with pytest.raises(click.ClickException, match="use --format csv"):
        write_sheets(["u1"])


# What is exported


@pytest.mark.parametrize(
    ("arguments", "users"),
    [
        (["--metric", "total_entries"], [["u1", "2"], ["u2", "3"]]),
        (["--metric", "sent_count", "--step", "push"], [["u1", "2"]]),
        (["--metric", "outcome_count", "--step", "ask", "--outcome", "yes"], [["u1", "2"]]),
        (["--metric", "outcome_count", "--step", "ask", "--outcome", "(none)"], [["u2", "1"]]),
        (["--metric", "outcome_count", "--step", "ask", "--outcome", "later"], []),
        (["--metric", "converted_users"], []),
        (["--metric", "clicked_count", "--step", "push"], []),
        (["--metric", "dropped_off_count", "--step", "unseen"], []),
    ],
)
def test_each_list_holds_its_own_users_and_a_zero_only_the_header(
    marts: Path, tmp_path: Path, arguments: list[str], users: list[list[str]]
) -> None:
    export(marts, tmp_path / "users.csv", *arguments)
    rows = read_csv(tmp_path / "users.csv")
    assert tuple(rows[0]) == HEADER
    assert [row[:2] for row in rows[1:]] == users


def test_every_published_metric_can_be_exported() -> None:
    platforms = [f"{p}_{m}_count" for p in ("android", "ios", "other_platform") for m in ("sent", "failed", "clicked")]
    counts = [
        f"{m}_count" for m in ("entry", "sent", "failed", "shown", "clicked", "outcome", "dropped_off", "waiting")
    ]
    assert sorted(script.STEP_METRICS) == sorted(platforms + counts)


def test_ids_are_values_never_sql(tmp_path: Path) -> None:
    database = build_marts(tmp_path / "journey.duckdb")
    journey = "x' or '1' = '1' --"
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into marts.journey_overview values (?, 0, 1, 0, 0, 0)", [journey])
        new = (journey, "total_entries", "Robert'); drop", NOON, NOON)
        connection.execute("insert into marts.journey_metric_users values (?, null, ?, null, ?, 1, ?, ?)", new)
    export(database, tmp_path / "users.csv", journey=journey)
    assert [row[0] for row in read_csv(tmp_path / "users.csv")] == ["user_id", "Robert'); drop"]


def test_list_shows_every_number_with_its_counts(marts: Path) -> None:
    done = run_process(command(marts, "--list"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["journey", "step", "metric", "outcome", "event_count", "user_count"]
    assert lines[1:10] == [
        *(["welcome", "messages_sent", "2", "0"], ["welcome", "total_entries", "5", "2"]),
        *(["welcome", "converted_users", "0", "0"], ["welcome", "conversion_events", "0", "0"]),
        *(["welcome", "total_exits", "0", "0"], ["welcome", "ask", "entry_count", "3", "0"]),
        *(["welcome", "ask", "sent_count", "0", "0"], ["welcome", "ask", "failed_count", "0", "0"]),
        ["welcome", "ask", "clicked_count", "0", "0"],
    ]
    assert [line[3:] for line in lines if line[2] == "outcome_count"] == [
        *(["(none)", "1", "1"], ["later", "0", "0"], ["yes", "2", "1"]),
    ]
    assert ["welcome", "unseen", "waiting_count", "0", "0"] in lines
    assert [line for line in lines if line[1] == "wait"] == [
        ["welcome", "wait", metric, count, "0"]
        for metric, count in (("entry_count", "1"), ("dropped_off_count", "0"), ("waiting_count", "1"))
    ]
    assert len([line for line in lines if line[0] == "winback"]) == 5


@pytest.mark.parametrize(
    ("named", "lines"),
    [
        (["--journey", "winback", "--metric", "total_entries"], [["winback", "total_entries"]]),
        (["--step", "wait", "--metric", "entry_count"], [["welcome", "wait", "entry_count"]]),
        (["--outcome", "yes"], [["welcome", "ask", "outcome_count", "yes"]]),
    ],
)
def test_list_shows_only_the_numbers_that_are_named(marts: Path, named: list[str], lines: list[list[str]]) -> None:
    shown = run(marts, "--list", *named).stdout.splitlines()
    assert [line.split()[:-2] for line in shown[1:]] == lines


def test_list_says_when_nothing_is_called_so(marts: Path) -> None:
    assert_refused(run(marts, "--list", "--journey", "wellcome"), 2, "no number of this name", "--list alone")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_list_that_cannot_be_printed_says_so(marts: Path, unbuffered: str) -> None:
    variables = environment(PYTHONUNBUFFERED=unbuffered)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(marts, "--list"), stdout=full, stderr=subprocess.PIPE, text=True, env=variables)
    assert (done.returncode, done.stderr) == (1, "Error: Cannot print: No space left on device.\n")


def test_list_shows_no_terminal_commands() -> None:
    name = script.UserList("\x1b[2J\u202e", None, "total_entries", None)
    assert script.format_catalog({name: 1}, {}).splitlines()[1].startswith(r"\x1b[2J\u202e  ")


def test_pseudonyms_are_hmac_and_in_their_own_order(marts: Path, tmp_path: Path) -> None:
    for number, key in enumerate(("k", "schlüssel", "k" * 64, "k" * 65)):
        export(marts, tmp_path / f"{number}.csv", "--pseudonymize", JOURNEY_EXPORT_KEY=key)
        pseudonyms = [hmac.new(key.encode(), user_id, hashlib.sha256).hexdigest() for user_id in (b"u1", b"u2")]
        assert [row[0] for row in read_csv(tmp_path / f"{number}.csv")[1:]] == sorted(pseudonyms)
        assert [dict(row[:2] for row in read_csv(tmp_path / f"{number}.csv"))[p] for p in pseudonyms] == ["2", "3"]


@pytest.mark.parametrize("variables", [{}, {"JOURNEY_EXPORT_KEY": ""}])
def test_pseudonyms_need_a_key(marts: Path, tmp_path: Path, variables: dict[str, str]) -> None:
    done = run(marts, *request(tmp_path / "users.csv", "--pseudonymize"), **variables)
    assert_refused(done, 2, "JOURNEY_EXPORT_KEY")
    assert os.listdir(tmp_path) == []


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--journey WELCOM --metric total_entries", "no journey 'WELCOM' (nearest: 'welcome', 'winback')"),
        ("--journey welcome --metric total_entry", "no metric 'total_entry' (nearest: 'total_entries', "),
        ("--journey welcome --metric entry_user_count", "no metric 'entry_user_count' (nearest: 'entry_count', "),
        (
            "--journey welcome --metric sent_count",
            "'sent_count' needs --step (steps there: 'ask', 'push', 'unseen', 'wait').",
        ),
        ("--journey winback --metric sent_count", "'sent_count' needs --step (steps there: none)."),
        ("--journey welcome --metric sent_count --step pusch", "no step 'pusch' (nearest: 'push', "),
        (
            "--journey welcome --metric sent_count --step wait",
            "'wait' of 'welcome' has no 'sent_count' (nearest: 'entry_",
        ),
        ("--journey welcome --metric outcome_count --step push", "has no 'outcome_count' (nearest: 'clicked_count'"),
        ("--journey welcome --metric messages_sent --step push", "counts a whole journey: leave out --step"),
        (
            "--journey welcome --metric outcome_count --step ask",
            "needs --outcome (outcomes there: '(none)', 'later', 'yes').",
        ),
        ("--journey welcome --metric outcome_count --step ask --outcome Yess", "no outcome 'Yess' (nearest: 'yes', "),
        ("--journey welcome --metric sent_count --step push --outcome yes", "leave it out for 'sent_count'"),
        ("--journey welcome --metric total_entries --outcome yes", "leave it out for 'total_entries'"),
        ("--journey \x1b[2J --metric total_entries", r"no journey '\x1b[2J'"),
    ],
)
def test_a_list_that_does_not_exist(marts: Path, tmp_path: Path, arguments: str, sentence: str) -> None:
    output = ["--format", "csv", "--output", str(tmp_path / "users.csv")]
    assert_refused(run(marts, *arguments.split(" "), *output), 2, sentence)
    assert os.listdir(tmp_path) == []


def test_the_nearest_names_come_first_in_any_case() -> None:
    assert script.nearest("WINBACK", ["welcome", "winback", "winback"]) == "'winback', 'welcome'"
    assert script.nearest("winback", ["Welcome", "WINBACK"]) == "'WINBACK', 'Welcome'"
    assert script.nearest("", "gfedcba") == "'a', 'b', 'c', 'd', 'e'"
    assert script.nearest("any", []) == "none"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["Name --journey, --metric, --format and --output", "--list"]),
        (request(Path("users.csv"))[2:], ["Name --journey"]),
        (request(Path("users.csv"))[:2] + request(Path("users.csv"))[4:], ["Name --journey"]),
        (request(Path("users.csv"))[:4] + request(Path("users.csv"))[6:], ["Name --journey"]),
        (request(Path("users.csv"))[:6], ["Name --journey"]),
        (["--format", "ods"], ["'csv', 'xlsx'"]),
        (["--jorney", "welcome"], ["--journey"]),
    ],
)
def test_a_command_line_that_cannot_be_understood(marts: Path, arguments: list[str], words: list[str]) -> None:
    assert_refused(run(marts, *arguments), 2, *words)


def refuse(database: Path, output: Path, *more: str) -> Done:
    return run(database, *request(output, *more))


def test_a_database_that_is_not_there_or_not_one(tmp_path: Path) -> None:
    output = tmp_path / "users.csv"
    assert_refused(refuse(tmp_path / "none.duckdb", output), 2, "There is no database", "none.duckdb", "dbt build")
    assert_refused(refuse(tmp_path, output), 2, "There is no database")
    (tmp_path / "text.duckdb").write_text("journey_id\n" * 1000)
    assert_refused(refuse(tmp_path / "text.duckdb", output), 2, "Cannot open the database", "not a valid DuckDB")
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    assert_refused(refuse(tmp_path / "empty.duckdb", output), 2, "has no marts to export", "journey_overview")
    assert_refused(run(tmp_path / "empty.duckdb", "--list"), 2, "has no marts to export")
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.journey_overview (journey_id text)")
    assert_refused(refuse(tmp_path / "old.duckdb", output), 2, "has no marts to export", "messages_sent")
    assert sorted(os.listdir(tmp_path)) == ["empty.duckdb", "old.duckdb", "text.duckdb"]


def test_a_database_that_is_being_written(tmp_path: Path) -> None:
    database = build_marts(tmp_path / "journey.duckdb")
    code = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"held\n"
        assert_refused(refuse(database, tmp_path / "users.csv"), 2, "a build is writing it", "published copy")
        assert_refused(run(database, "--list"), 2, "a build is writing it")
        writer.communicate()
    assert not (tmp_path / "users.csv").exists()


def test_a_folder_that_cannot_be_written(marts: Path, tmp_path: Path) -> None:
    assert_refused(refuse(marts, tmp_path / "none" / "users.csv"), 2, "Cannot write into the folder", "No such file")
    (tmp_path / "file").touch()
    assert_refused(refuse(marts, tmp_path / "file" / "users.csv"), 2, "Cannot write", "Not a directory")
    assert_refused(refuse(marts, tmp_path / ("x" * 256)), 2, "Cannot write", "too long")
    if sys.platform == "linux":
        assert_refused(refuse(marts, Path("/proc/users.csv")), 2, "Cannot write into the folder '/proc'")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        assert_refused(refuse(marts, tmp_path / "closed" / "users.csv"), 2, "Permission denied")


# The file


def test_the_file_is_its_owners_and_nothing_stays_beside_it(marts: Path, tmp_path: Path) -> None:
    for name, mask in (("open.csv", 0), ("open.xlsx", 0), ("closed.csv", 0o777)):
        before = os.umask(mask)
        try:
            export(marts, tmp_path / name)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["closed.csv", "open.csv", "open.xlsx"]


def test_an_existing_file_needs_force(marts: Path, tmp_path: Path) -> None:
    output = tmp_path / "users.csv"
    output.write_text("precious")
    output.chmod(0o644)
    assert_refused(refuse(marts, output), 2, "exists already", "--force")
    assert output.read_text() == "precious"
    export(marts, output, "--force")
    assert len(read_csv(output)) == 3
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "finished").write_text("new")
    (tmp_path / "users.csv").write_text("precious")
    with pytest.raises(click.UsageError, match="has appeared meanwhile"):
        script.publish(tmp_path / "finished", tmp_path / "users.csv", force=False)
    assert (tmp_path / "users.csv").read_text() == "precious"


def test_a_file_system_without_links_needs_force(marts: Path, tmp_path: Path) -> None:
    with patch("os.link", side_effect=PermissionError(1, "Operation not permitted")):
        assert_refused(run(marts, *request(tmp_path / "users.csv")), 1, "Only --force can write", "not permitted")
        assert os.listdir(tmp_path) == []
        export(marts, tmp_path / "users.csv", "--force")


def test_a_failed_export_leaves_the_existing_file_even_with_force(marts: Path, tmp_path: Path) -> None:
    output = tmp_path / "users.csv"
    output.write_text("precious")
    assert_refused(run(marts, *request(output, "--force", journey="none")), 2, "no journey")
    assert output.read_text() == "precious"


def test_what_is_not_a_plain_file_is_never_replaced(tmp_path: Path) -> None:
    database = build_marts(tmp_path / "journey.duckdb")
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "pipe", "."):
        assert_refused(refuse(database, tmp_path / name, "--force"), 2, "is a folder, a link or a device")
    assert_refused(refuse(database, database, "--force"), 2, "is the database itself")
    os.link(database, tmp_path / "twin")
    assert_refused(refuse(database, tmp_path / "twin", "--force"), 2, "is the database itself")
    assert (tmp_path / "target").read_text() == "precious" and not (tmp_path / "nothing").exists()
    assert "welcome" in run(database, "--list").stdout


@pytest.mark.parametrize("name", ["users.csv", "users.xlsx"])
def test_a_full_disk_leaves_no_file(big_marts: Path, tmp_path: Path, name: str) -> None:
    code = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)); "
    code += "os.execv(sys.executable, sys.argv[1:])"
    line = command(big_marts, *request(tmp_path / name, journey="winback"))
    done = run_process([sys.executable, "-c", code, *line])
    assert_refused(done, 1, f"Cannot write '{tmp_path / name}'", "File too large")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_at_the_end_of_an_xlsx_leaves_no_file(marts: Path, tmp_path: Path) -> None:
    with patch("xlsxwriter.workbook.Workbook._store_workbook", side_effect=OSError(28, "No space left on device")):
        assert_refused(run(marts, *request(tmp_path / "users.xlsx")), 1, "Cannot write", "No space left on device")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "name", "size"),
    [
        *((signal.SIGTERM, "users.csv", 0), (signal.SIGINT, "users.csv", 1)),
        *((signal.SIGHUP, "users.xlsx", 0), (signal.SIGKILL, "users.csv", 1)),
    ],
)
def test_a_killed_export_leaves_no_file(
    big_marts: Path, tmp_path: Path, number: signal.Signals, name: str, size: int
) -> None:
    """`size` 0 strikes while DuckDB sorts, 1 while the file grows."""
    line = command(big_marts, *request(tmp_path / name, journey="winback"))
    with kept_signal_handlers():
        for ignored in (signal.SIGINT, signal.SIGHUP):  # as they are in a background job, and its children's then
            signal.signal(ignored, signal.SIG_DFL)
        child = subprocess.Popen(line, stderr=subprocess.PIPE, env=environment())
    while not [file for file in tmp_path.glob(".export_users_*/finished") if file.stat().st_size >= size]:
        assert child.poll() is None, "it was over before it could be killed"
        time.sleep(0.005)
    child.send_signal(number)
    assert child.communicate()[1] == b""
    assert child.returncode == -number
    if number == signal.SIGKILL:
        (left,) = tmp_path.iterdir()
        assert stat.S_IMODE(left.stat().st_mode) == 0o700
    else:
        assert os.listdir(tmp_path) == []


def test_a_signal_ignored_by_the_caller_stays_ignored(tmp_path: Path) -> None:
    with kept_signal_handlers():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with script.private_folder(tmp_path):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))


# The connection and the terminal


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('{folder}/secret')",
        "copy (select 1) to '{folder}/leak'",
        "attach '{folder}/other.duckdb'",
        "load '{folder}/evil.duckdb_extension'",
        "install httpfs",
        "set enable_external_access = true",
        "set autoload_known_extensions = true",
        "set lock_configuration = false",
        "create table marts.new (i int)",
        "delete from marts.journey_overview",
    ],
)
def test_the_connection_can_only_read_the_database(marts: Path, tmp_path: Path, statement: str) -> None:
    (tmp_path / "secret").write_text("secret")
    with (
        pytest.raises(click.ClickException, match=r"disabled|locked|read-only"),
        script.open_marts(marts) as connection,
    ):
        connection.execute(statement.format(folder=tmp_path))
    assert os.listdir(tmp_path) == ["secret"]


def test_the_connection_loads_no_extension_by_itself(marts: Path) -> None:
    """What the closed door alone does not say: DuckDB may want one as early as it opens the file."""
    names = ("autoload_known_extensions", "autoinstall_known_extensions", "enable_external_access")
    with script.open_marts(marts) as connection:
        read = ", ".join(f"current_setting('{name}')" for name in names)
        assert connection.execute(f"select {read}").fetchall() == [(False, False, False)]


def test_a_sort_spills_into_the_private_folder(marts: Path, tmp_path: Path) -> None:
    with script.open_marts(marts, tmp_path / "spill") as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchall() == [(str(tmp_path / "spill"),)]


def test_the_users_come_in_batches(big_marts: Path) -> None:
    """The whole list in memory would hold the 400,000 users before the first is written."""
    with script.open_marts(big_marts) as connection:
        total, users = script.read_users(connection, script.UserList("winback", None, "total_entries", None), None)
        assert total == 400_000
        assert len(next(users)) == 4
        assert len(users.gi_frame.f_locals["rows"]) == 10_000


@pytest.mark.parametrize(
    ("variable", "database"),
    [("/data/build.duckdb", Path("/data/build.duckdb")), ("", PROJECT / "journey_analytics.duckdb")],
)
def test_the_default_database_is_the_build_file(variable: str, database: Path) -> None:
    with patch.dict("os.environ", {"JOURNEY_DUCKDB_PATH": variable}):
        assert script.export_users.make_context("export_users", ["--list"]).params["database"] == database


def test_a_progress_bar_on_a_terminal(marts: Path, tmp_path: Path) -> None:
    terminal, stderr = pty.openpty()
    line = command(marts, *request(tmp_path / "users.csv"))
    subprocess.run(line, stderr=stderr, env=environment(TERM="xterm"), check=True)
    os.close(stderr)
    assert b"Writing users" in os.read(terminal, 100_000)
    os.close(terminal)
