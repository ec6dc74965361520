"""Seeded random messy worlds: raw rows that collide, repeat, contradict and come late.

Usage: `make_world(seed)` gives the raw rows by table; `split_into_batches(world, seed, count)` deals them out as loads;
`write_parquet(rows_by_table, folder, name)` writes one load as Parquet files. The same seed gives the same world.

A world has few users, journeys and moments, so that rules meet each other; its times stand on a coarse grid and at the
last microsecond that counts and the first that does not.
"""

import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import duckdb

Row = dict[str, object]
RowsByTable = dict[str, list[Row]]

START = datetime(2024, 3, 1)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
CLOCK_SKEW = timedelta(minutes=60)
LATE_AT_MOST = timedelta(hours=72)
EDGES = (-MICROSECOND, timedelta(0), MICROSECOND)

COLUMN_TYPES = {
    "journeys": {
        "journey_id": "VARCHAR",
        "journey_name": "VARCHAR",
        "conversion_event_name": "VARCHAR",
        "attribution_window_minutes": "INTEGER",
        "loaded_at": "TIMESTAMP",
    },
    "journey_steps": {
        "journey_id": "VARCHAR",
        "step_id": "VARCHAR",
        "step_name": "VARCHAR",
        "step_type": "VARCHAR",
        "step_position": "INTEGER",
        "loaded_at": "TIMESTAMP",
    },
    "journey_events": {
        "event_id": "VARCHAR",
        "journey_id": "VARCHAR",
        "user_id": "VARCHAR",
        "event_type": "VARCHAR",
        "step_id": "VARCHAR",
        "journey_instance_id": "VARCHAR",
        "trigger_event_id": "VARCHAR",
        "platform": "VARCHAR",
        "outcome": "VARCHAR",
        "exit_reason": "VARCHAR",
        "occurred_at": "VARCHAR",
        "loaded_at": "TIMESTAMP",
    },
    "user_events": {
        "event_id": "VARCHAR",
        "user_id": "VARCHAR",
        "event_name": "VARCHAR",
        "revenue": "DOUBLE",
        "properties": "VARCHAR",
        "occurred_at": "VARCHAR",
        "loaded_at": "TIMESTAMP",
    },
}
OPTIONAL_COLUMNS = {
    "journeys": [],
    "journey_steps": [],
    "journey_events": ["journey_instance_id", "trigger_event_id", "platform", "outcome", "exit_reason"],
    "user_events": ["revenue", "properties"],
}

# Ids that break what is quoted, counted, sorted, normalised or trimmed carelessly. Each differs from all the others.
ODD_IDS = [
    "'; drop table x; --",
    "=cmd|x",
    "007",
    "7",
    "👩‍👧",
    "caf\u00e9",  # one code point for the last letter
    "cafe\u0301",  # two code points that look the same
    "\u00a0anna",  # a blank that is not ASCII is part of the id
    "Anna",
    "anna",
    "null",
    "x|y,z",
    "long-" + "0123456789" * 200,
]
STEP_TYPES = [
    "mobile_push", "Mobile_Push", "email", "EMAIL", "sms", "Sms", "in_app", "In_App", "custom", "CUSTOM", "wait",
    "branch", "Branch", "whatsapp", "Pigeon", None, " ",
]  # fmt: skip
MESSAGE_TYPES = ["message_sent", "message_sent", "message_failed", "message_shown", "message_clicked"]
UNKNOWN_EVENT_TYPES = ["journey_paused", "journey entered", "sent", "step_exited", None, "  "]
EVENT_NAMES = ["purchase", "sign_up"]
PLATFORMS = ["android", "Android", "ANDROID", "ios", "iOS", "IOS", "web", "Huawei", None, ""]
OUTCOMES = ["yes", "no", "Yes", "(none)", "🎉", None, " ", "it's"]
WINDOWS = [None, 0, 1, 60, 360, 1440, 1440, 2880, 20160, -60, 2147483647]
UNREADABLE_TIMES = [
    None, "", "  ", "yesterday", "epoch", "infinity", "-infinity", "now", "2024-1-1", "2024-02-30", "2024-13-01",
    "2024-03-01T24:00", "2024-03-01 23:59:60", "2024-03-01T12", "2024-03-01T1:00", "2024-03-01 10:00:00.",
    "2024-03-01  10:00", "2024-03-01T10:00+16:00", "2024-03-01T10:00+01:60", "2024-03-01T10:00 +1",
    "2024-03-01T10:00 UTC", "2024-03-01T10:00:00Z junk", "2024-03-01T10:00ZZ", "1709287200", "1709287200000",
    "01/03/2024", "2024-03", "20240301T100000Z", "0000-01-01", "12024-03-01", "-2024-03-01",
    "0001-01-01T00:00+01:00", "0000-12-31T23:59-01:00", "9999-12-31T23:59-01:00", "２０２４-03-01",
]  # fmt: skip


# --- drawing ----------------------------------------------------------------------------------------------------------


def moment(rng: Random) -> datetime:
    """A moment on the grid: few enough that many things happen at once."""
    return START + 6 * HOUR * rng.randrange(20)


def blurred(rng: Random, value: object) -> object:
    """A text as careless senders send it: now and then with blanks around."""
    if not isinstance(value, str) or rng.random() > 0.12:
        return value
    before, after = rng.choice([(" ", ""), ("", "  "), ("\t", "\t"), (" \t", "\n"), ("", "\r\n"), ("\v", "\f ")])
    return before + value + after


def odd_case(rng: Random, value: object) -> object:
    """A word in some case."""
    if not isinstance(value, str) or rng.random() > 0.25:
        return value
    return rng.choice([value.upper(), value.title(), value.capitalize()])


def time_text(rng: Random, instant: datetime) -> str:
    """One of the many accepted texts of an instant."""
    sign, ahead = 1, timedelta(0)
    suffix = rng.choice(["", "", "", "Z", "z", "offset", "offset"])
    if suffix == "offset":
        sign = rng.choice([1, -1])
        hours, minutes = rng.choice([(0, 0), (1, 0), (2, 0), (5, 30), (5, 45), (12, 45), (15, 59), (0, 30)])
        ahead = timedelta(hours=hours, minutes=minutes)
        suffix = ("+" if sign == 1 else "-") + rng.choice([f"{hours:02d}:{minutes:02d}", f"{hours:02d}{minutes:02d}"])
        if minutes == 0 and rng.random() < 0.5:
            suffix = suffix[:3]
    local = instant + sign * ahead
    day = f"{local.year:04d}-{local:%m-%d}"
    if not suffix and local == datetime(local.year, local.month, local.day) and rng.random() < 0.5:
        return day
    if local.second == 0 and local.microsecond == 0 and rng.random() < 0.3:
        clock = f"{local:%H:%M}"
    else:
        fraction = f"{local.microsecond:06d}"
        fraction = rng.choice([fraction, fraction.rstrip("0"), fraction + "9", fraction + "999999"])
        clock = f"{local:%H:%M:%S}" + (rng.choice(".,") + fraction if fraction else "")
    if suffix and rng.random() < 0.15:
        suffix = " " + suffix
    return day + rng.choice("TTt ") + clock + suffix


# --- what happens -----------------------------------------------------------------------------------------------------


class Draft:
    """A world that is being written: its cast, its rows so far (times still as instants) and the next ids."""

    def __init__(self, rng: Random, size: int) -> None:
        self.rng = rng
        ids = rng.sample(ODD_IDS, 5) if rng.random() < 0.6 else []
        self.users = [*ids[:2], "u1", "u2", "u3"][: rng.randint(2, 4)]
        self.journeys = [*ids[2:3], "welcome", "cart", "loan"][: rng.randint(2, 3)]
        self.steps = [*ids[3:4], "s1", "s2", "s3"][: rng.randint(2, 4)]
        self.instances = [*ids[4:5], "run-1", "run-2"]
        self.rows: RowsByTable = {table: [] for table in COLUMN_TYPES}
        self.windows: dict[str, int] = {}
        self.conversion_events: dict[str, str] = {}
        self.lags = rng.choice([[0, 0, 1], [0, 1, 6, 24], [0, 6, 48, 72, 240]])  # hours from happening to loading
        count = size * 40
        self.ids = {table: rng.sample(range(count), count) for table in ("journey_events", "user_events")}

    def next_id(self, table: str) -> str:
        """Ids whose order is not that of time; the two event tables use the same ones."""
        number = self.ids[table].pop()
        return f"'{number}; 👩‍👧" if number % 17 == 0 else f"e{number}"

    def loaded_at(self, occurred_at: datetime) -> datetime:
        """When an event reaches the warehouse: later as a rule, earlier by up to the clock skew at times."""
        if self.rng.random() < 0.08:
            return occurred_at - CLOCK_SKEW - self.rng.choice(EDGES)
        return occurred_at + HOUR * self.rng.choice(self.lags)

    def journey_event(self, event_type: str, journey_id: str, user_id: str, at: datetime, **more: object) -> Row:
        row: Row = dict.fromkeys(COLUMN_TYPES["journey_events"])
        row |= {"event_id": self.next_id("journey_events"), "journey_id": journey_id, "user_id": user_id}
        row |= {"event_type": event_type, "occurred_at": at, "loaded_at": self.loaded_at(at)} | more
        self.rows["journey_events"].append(row)
        return row

    def user_event(self, event_name: str, user_id: str, at: datetime) -> Row:
        row: Row = {"event_id": self.next_id("user_events"), "user_id": user_id, "event_name": event_name}
        row["revenue"] = self.rng.choice([None, 0.0, 9.99, 100.0, -5.0])
        row["properties"] = self.rng.choice([None, "{}", '{"a": "it\'s \\"x\\""}', " "])
        row |= {"occurred_at": at, "loaded_at": self.loaded_at(at)}
        self.rows["user_events"].append(row)
        return row


def definition_load_times(rng: Random) -> list[datetime | None]:
    """When the versions of a definition are loaded: once, twice, at the same moment, at an unknown one."""
    first = START - 24 * HOUR
    return rng.choice(
        [[first], [first], [first, moment(rng)], [moment(rng), first], [first, first], [first, None], [None]]
    )


def define(draft: Draft) -> None:
    """Definitions of most journeys and steps, some of them revised, some without a key, some never used."""
    rng = draft.rng
    for journey_id in [*draft.journeys, "quiet"]:
        draft.windows[journey_id] = 0
        draft.conversion_events[journey_id] = "purchase"
        for loaded_at in definition_load_times(rng) if rng.random() < 0.85 else []:
            event_name = rng.choice(["purchase", "purchase", "purchase", "sign_up", None])
            window = rng.choice(WINDOWS)
            row: Row = {"journey_id": journey_id, "journey_name": rng.choice(["Welcome", "Cart ✨", " ", None])}
            row |= {"conversion_event_name": event_name, "attribution_window_minutes": window, "loaded_at": loaded_at}
            draft.rows["journeys"].append(row)
            draft.windows[journey_id] = window or 0
            draft.conversion_events[journey_id] = event_name or "purchase"
        for step_id in draft.steps:
            for loaded_at in definition_load_times(rng) if rng.random() < 0.75 else []:
                row = {
                    "journey_id": journey_id,
                    "step_id": step_id,
                    "step_name": rng.choice(["Hello", "Hello again", None]),
                }
                row |= {"step_type": rng.choice(STEP_TYPES), "step_position": rng.choice([None, 1, 2, 3])}
                draft.rows["journey_steps"].append(row | {"loaded_at": loaded_at})
    if rng.random() < 0.2:
        draft.rows["journeys"].append(dict.fromkeys(COLUMN_TYPES["journeys"]) | {"journey_id": " ", "loaded_at": START})
        draft.rows["journey_steps"].append(dict.fromkeys(COLUMN_TYPES["journey_steps"]) | {"journey_id": "cart"})


def run(draft: Draft) -> None:
    """One run of a user through a journey, in whatever order; it may overlap the user's other runs."""
    rng = draft.rng
    user_id, journey_id = rng.choice(draft.users), rng.choice(draft.journeys)
    conversion_event = draft.conversion_events[journey_id]
    instance = rng.choice([None, None, *draft.instances])
    entered_at = moment(rng)
    trigger: object = rng.choice([None, None, "never-sent", "e1"])
    if rng.random() < 0.4:  # the same event starts the journey and would convert it
        at = entered_at + rng.choice([timedelta(0), timedelta(0), -MICROSECOND, -HOUR, HOUR])
        trigger = draft.user_event(conversion_event, user_id, at)["event_id"]
    if rng.random() < 0.9:
        step_id = rng.choice([None, None, None, None, "stray-step", *draft.steps])
        draft.journey_event(
            "journey_entered", journey_id, user_id, entered_at,
            journey_instance_id=instance, trigger_event_id=trigger, step_id=step_id,
        )  # fmt: skip

    moments = [entered_at + 3 * HOUR * k for k in range(-1, 7)] + [entered_at + edge for edge in EDGES]
    for _ in range(rng.choice([0, 1, 2, 3, 4])):
        run_id = instance if rng.random() < 0.85 else rng.choice([None, "no-such-run", *draft.instances])
        step_id, at = rng.choice(draft.steps), rng.choice(moments)
        shared = {"step_id": step_id, "journey_instance_id": run_id}
        if rng.random() < 0.85:
            draft.journey_event("step_entered", journey_id, user_id, at, **shared)
        for _ in range(rng.choice([0, 1, 1, 2])):
            platform = rng.choice(PLATFORMS)
            draft.journey_event(rng.choice(MESSAGE_TYPES), journey_id, user_id, at, platform=platform, **shared)
        if rng.random() < 0.3:
            draft.journey_event("step_outcome", journey_id, user_id, at, outcome=rng.choice(OUTCOMES), **shared)

    window = timedelta(minutes=draft.windows[journey_id])
    ends = [entered_at]
    for _ in range(rng.choice([0, 0, 1, 1, 1, 1, 2, 3])):
        at = rng.choice(moments)
        run_id = instance if rng.random() < 0.85 else rng.choice([None, "no-such-run"])
        reason = rng.choice([None, "done", "Left "])
        draft.journey_event("journey_exited", journey_id, user_id, at, journey_instance_id=run_id, exit_reason=reason)
        if window < timedelta(days=60):
            ends.append(at + window)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        at = rng.choice([rng.choice(ends), rng.choice(ends), entered_at]) + rng.choice(EDGES)
        draft.user_event(conversion_event, user_id, rng.choice([at, at, at, moment(rng)]))
    if rng.random() < 0.2:
        draft.user_event(rng.choice(EVENT_NAMES), rng.choice(draft.users), moment(rng))


def stray(draft: Draft) -> None:
    """Single events, each of a journey that nothing else mentions."""
    rng = draft.rng
    event_types = ["journey_entered", "journey_exited", "step_entered", "step_outcome", *MESSAGE_TYPES]
    for event_type in rng.sample(event_types, 3):
        step_id = rng.choice([None, *draft.steps]) if event_type.startswith("journey") else rng.choice(draft.steps)
        draft.journey_event(event_type, f"only-{event_type}", rng.choice(draft.users), moment(rng), step_id=step_id)


def redeliver(draft: Draft) -> None:
    """The same event id again: the same row, or one that differs in content, time or moment of loading."""
    rng = draft.rng
    for table in ("journey_events", "user_events"):
        for row in list(draft.rows[table]):
            if rng.random() > 0.12:
                continue
            twin = dict(row)
            other = rng.choice(draft.rows[table])
            if rng.random() < 0.5:
                for column in rng.sample([c for c in row if c not in ("event_id", "occurred_at", "loaded_at")], 2):
                    twin[column] = other[column]
            if rng.random() < 0.4:
                twin["occurred_at"] = rng.choice([moment(rng), other["occurred_at"]])
            loaded_at = row["loaded_at"]
            assert isinstance(loaded_at, datetime)
            twin["loaded_at"] = loaded_at + HOUR * rng.choice([0, 0, 0, 1, 24, 100, -1, -24])
            draft.rows[table].append(twin)


def touch_a_window_end(draft: Draft) -> None:
    """A last event that is loaded exactly when, or a microsecond beside when, some attribution window ends."""
    rng = draft.rng
    events = draft.rows["journey_events"] + draft.rows["user_events"]
    newest = max((row["loaded_at"] for row in events if isinstance(row["loaded_at"], datetime)), default=START)
    exits = [row for row in draft.rows["journey_events"] if row["event_type"] == "journey_exited"]
    if not exits or rng.random() < 0.5:
        return
    row = rng.choice(exits)
    exited_at, journey_id = row["occurred_at"], str(row["journey_id"])
    assert isinstance(exited_at, datetime)
    minutes = draft.windows.get(journey_id, 0)
    if minutes > 60 * 24 * 60 or exited_at + timedelta(minutes=minutes) <= newest:
        minutes = (newest - exited_at) // timedelta(minutes=1) + rng.choice([1, 60, 1440])
        revised: Row = {"journey_id": journey_id, "journey_name": "Revised", "conversion_event_name": "purchase"}
        revised |= {"attribution_window_minutes": minutes, "loaded_at": START + 480 * HOUR}
        draft.rows["journeys"].append(revised)
    at = exited_at + timedelta(minutes=minutes) + rng.choice(EDGES)
    draft.user_event("heartbeat", rng.choice(draft.users), at)["loaded_at"] = at


def spoil(draft: Draft) -> None:
    """Rows that must be rejected, each kind now and then, some with more than one fault."""
    rng = draft.rng
    for table in ("journey_events", "user_events"):
        id_columns = [
            "event_id",
            "user_id",
            *(["journey_id", "step_id"] if table == "journey_events" else ["event_name"]),
        ]
        for row in draft.rows[table]:
            if rng.random() < 0.03:
                row[rng.choice(id_columns)] = rng.choice([None, "", "  ", "\t\n"])
            if table == "journey_events" and rng.random() < 0.02:
                row["event_type"] = rng.choice(UNKNOWN_EVENT_TYPES)
            if rng.random() < 0.02:
                row["loaded_at"] = None
            if rng.random() < 0.03:
                row["occurred_at"] = rng.choice(UNREADABLE_TIMES)
            if rng.random() < 0.01:
                row["occurred_at"] = rng.choice(
                    [START + timedelta(days=400), datetime(1, 1, 2), datetime(9999, 12, 30)]
                )


def set_down(draft: Draft) -> None:
    """Write texts as careless senders do, and times as text, as native timestamps, or first one and then the other."""
    rng = draft.rng
    for table, rows in draft.rows.items():
        native_from = rng.choice([datetime.max, datetime.max, datetime.max, datetime.min, START + 48 * HOUR])
        for row in rows:
            for column in ("event_type", "event_name", "conversion_event_name"):
                if column in row:
                    row[column] = odd_case(rng, row[column])
            loaded_at, occurred_at = row["loaded_at"], row.get("occurred_at")
            is_native = (loaded_at if isinstance(loaded_at, datetime) else START) >= native_from
            if isinstance(occurred_at, datetime) and not is_native:
                row["occurred_at"] = time_text(rng, occurred_at)
            if isinstance(occurred_at, str) and is_native:
                row["occurred_at"] = None
            for column, value in row.items():
                row[column] = blurred(rng, value)
        for column in OPTIONAL_COLUMNS[table]:
            if rng.random() < 0.08:
                for row in rows:
                    del row[column]


def make_world(seed: int, size: int = 12) -> RowsByTable:
    """The raw rows of a messy world; `size` is the number of runs of a user through a journey."""
    draft = Draft(Random(seed), size)
    define(draft)
    for _ in range(size):
        run(draft)
    stray(draft)
    redeliver(draft)
    touch_a_window_end(draft)
    spoil(draft)
    set_down(draft)
    for table, rows in draft.rows.items():
        rows += [dict(row) for row in rows if draft.rng.random() < 0.03]  # the very same row again, rejected ones too
        draft.rng.shuffle(rows)
        if draft.rng.random() < 0.04:
            draft.rows[table] = []
    return draft.rows


# --- loads ------------------------------------------------------------------------------------------------------------


def split_into_batches(world: RowsByTable, seed: int, count: int) -> list[RowsByTable]:
    """Deal a world out as `count` loads, some of them empty. Together they are the world.

    Rows arrive in the order of `loaded_at`, but a row may come up to 72 hours (exactly that included) later than the
    newest `loaded_at` in the loads before its own; a row without `loaded_at` may come at any time.
    """
    rng = Random(seed)
    loaded = sorted(at for rows in world.values() for row in rows if isinstance(at := row["loaded_at"], datetime))
    starts = sorted(rng.choice(loaded) for _ in range(count - 1)) if loaded else [START] * (count - 1)
    newest_before = [max((at for at in loaded if at < start), default=None) for start in starts]
    batches: list[RowsByTable] = [{table: [] for table in world} for _ in range(count)]
    for table, rows in world.items():
        for row in rows:
            at = row["loaded_at"]
            if not isinstance(at, datetime):
                batches[rng.randrange(count)][table].append(row)
                continue
            in_time = sum(start <= at for start in starts)
            late = [
                k + 1
                for k, newest in enumerate(newest_before)
                if k >= in_time and newest and newest - at <= LATE_AT_MOST
            ]
            is_late = bool(late) and rng.random() < 0.25
            batches[rng.choice(late) if is_late else in_time][table].append(row)
    return batches


def write_parquet(rows_by_table: RowsByTable, folder: Path, name: str) -> None:
    """Write `<folder>/<table>/<name>.parquet` for each table that has rows.

    A column that no row mentions is not in the file. `occurred_at` is a timestamp when all its values are, else text.
    """
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as scratch:
        for table, rows in rows_by_table.items():
            if not rows:
                continue
            present = {column for row in rows for column in row}
            types = {column: kind for column, kind in COLUMN_TYPES[table].items() if column in present}
            times = [row.get("occurred_at") for row in rows if row.get("occurred_at") is not None]
            if times and all(isinstance(time, datetime) for time in times):
                types["occurred_at"] = "TIMESTAMP"
            source = Path(scratch) / f"{table}.json"
            lines = [json.dumps({column: plain(value) for column, value in row.items()}) for row in rows]
            source.write_text("\n".join(lines) + "\n", encoding="utf-8")
            target = folder / table / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            columns = ", ".join(f"{column}: '{kind}'" for column, kind in types.items())
            reader = f"read_json('{quoted(source)}', format = 'newline_delimited', columns = {{{columns}}})"
            connection.execute(f"copy (select * from {reader}) to '{quoted(target)}' (format parquet)")


def plain(value: object) -> object:
    """A value that JSON has; a time in its usual text, without trailing zeros of the fraction."""
    if not isinstance(value, datetime):
        return value
    text = value.isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def quoted(path: Path) -> str:
    """A path for use between single quotes."""
    return str(path).replace("'", "''")
