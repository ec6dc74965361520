"""The language of the sample's stories; scripts/generate_sample.py tells them.

    run = sample.enters("u001", "welcome", "01-05 09:00", "buys 6 hours after the exit: counted")
    run.visits("hello_push").sent("android").exits().does("account_funded", 6 * HOUR, "first conversion")
    run.counts_as("converted")

Each call moves the run's clock, writes one raw row, and notes which published numbers that row is part of. The state of
an entry and the verdict on a user event are what the teller declares: nothing here looks at rows to find them out.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Self

NOW, MICROSECOND, MINUTE, HOUR, DAY = (
    timedelta(microseconds=n) for n in (0, 1, 60_000_000, 3_600_000_000, 86_400_000_000)
)
Row = dict[str, str | None]
State = Literal["converted", "open", "closed", "active"]
Verdict = Literal["first conversion", "another conversion", "no conversion"]

TABLES = ("journeys", "journey_steps", "journey_events", "user_events")
# How a moment is written and how far from UTC that clock stands. Each journey's platform has a habit of its own.
FORMS = {
    "zulu": ("{day}T{clock}Z", NOW),
    "plain": ("{day} {full}", NOW),
    "india": ("{day}T{clock}+05:30", 330 * MINUTE),
    "minutes": ("{day} {minutes}", NOW),
    "newfoundland": ("{day}t{clock}-0330", -210 * MINUTE),
    "berlin": (" {day} {clock} +01", HOUR),
    "comma": ("{day} {comma}z", NOW),
    "nanoseconds": ("{day}T{full}999Z", NOW),
    "day": ("{day}", NOW),
}
HABITS = {"welcome": "zulu", "loan_application": "india", "win_back": "minutes"}


class Note(NamedTuple):
    """One event, and one number it is part of."""

    metric: str
    journey: str
    step: str | None
    outcome: str | None
    user: str
    at: datetime


class Move(NamedTuple):
    """One transition of an entry."""

    journey: str
    kind: str
    origin: str | None
    target: str | None
    user: str
    seconds: float | None


def stamp(at: datetime) -> str:
    return at.isoformat(" ", "microseconds")


def written(at: datetime, form: str) -> str:
    pattern, offset = FORMS[form]
    clock = (at + offset).time()
    parts = {"clock": clock.isoformat(), "full": clock.isoformat("microseconds"), "minutes": clock.isoformat("minutes")}
    return pattern.format(day=(at + offset).date(), comma=clock.isoformat().replace(".", ","), **parts)


@dataclass
class Sample:
    """The raw rows, and everything the stories declare about them."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in TABLES})
    loads: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    notes: list[Note] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    runs: list["Run"] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)

    def add(self, table: str, verdict: str, row: Row) -> Row:
        """Write a raw row, under its user's next event id when it brings none."""
        if "event_id" not in row:
            owner = re.sub(r"\W", "", row["user_id"] or "") + ("-j" if table == "journey_events" else "-u")
            self.ids[owner] += 1
            row = {"event_id": f"{owner}{self.ids[owner]:02d}", **row}
        self.rows[table].append(row)
        self.loads[table, verdict] += 1
        return row

    def strays(self, user: str, journey: str, at: str, story: str = "") -> "Run":
        """A run without an entry: whatever happens in it is unmatched."""
        if story:
            self.stories.append(f"{user} in {journey}: {story}")
        return Run(self, user, journey, datetime.fromisoformat(f"2026-{at}"), HABITS.get(journey, "plain"))

    def enters(
        self, user: str, journey: str, at: str, story: str = "", *,
        late: timedelta = NOW, form: str | None = None, instance: str | None = None, trigger: str | None = None,
    ) -> "Run":  # fmt: skip
        run = self.strays(user, journey, at, story).loads(late).writes(form, instance)
        self.runs.append(run)
        run.entered_at = run.clock
        return run.write("journey_entered", NOW, trigger_event_id=trigger).loads(NOW).notes("total_entries")

    def rejects(self, table: str, reason: str, cleaned: Row | None = None, **columns: str | None) -> None:
        """Write a row that is faultless but for `columns`; `cleaned` says what cleaning makes of those it changes."""
        row: Row = {"event_id": f"r{len(self.rejected):02d}", "user_id": "u090", "occurred_at": "2026-01-15 10:00:00"}
        if table == "journey_events":
            row |= {"journey_id": "welcome", "event_type": "message_sent", "step_id": "hello_push", "platform": "ios"}
        else:
            row |= {"event_name": "account_funded", "revenue": "10.00"}
        row = self.add(table, "rejected", row | {"loaded_at": "2026-01-15 12:00:00.000000"} | columns)
        shown = row | {"event_type_or_name": row.get("event_type", row.get("event_name"))} | (cleaned or {})
        named = ("event_id", "user_id", "journey_id", "event_type_or_name", "step_id", "loaded_at")
        seen: Row = {"raw_table": table, "reason": reason, "occurred_at_raw": row["occurred_at"]}
        self.rejected.append(seen | {column: shown.get(column) for column in named})


@dataclass
class Run:
    """One entry of a user. Each call moves the clock on by `after`, writes a row and notes what it counts as."""

    sample: Sample
    user: str
    journey: str
    clock: datetime
    form: str
    entered_at: datetime | None = None
    exited_at: datetime | None = None
    delay: timedelta = NOW
    instance: str | None = None
    untidy: bool = False
    path: list[tuple[str, datetime]] = field(default_factory=list)
    state: State | None = None
    window_is_over: bool = False
    last: tuple[str, Row] = ("", {})

    @property
    def last_id(self) -> str:
        return self.last[1]["event_id"] or ""

    def notes(
        self, metric: str, step: str | None = None, outcome: str | None = None, at: datetime | None = None
    ) -> Self:
        self.sample.notes.append(Note(metric, self.journey, step, outcome, self.user, at or self.clock))
        return self

    def loads(self, late: timedelta) -> Self:
        """Rows are loaded at the next noon; from here on `late` after it."""
        self.delay = late
        return self

    def writes(self, form: str | None = None, instance: str | None = None, untidy: bool = False) -> Self:
        """From here on rows carry times of this form, this instance id, blanks and capitals."""
        self.form, self.instance, self.untidy = form or self.form, instance or self.instance, untidy
        return self

    def add(self, table: str, after: timedelta, row: Row) -> Self:
        self.clock += after
        noon = (self.clock + 12 * HOUR - MICROSECOND).replace(hour=12, minute=0, second=0, microsecond=0)
        row |= {"occurred_at": written(self.clock, self.form), "loaded_at": stamp(noon + self.delay)}
        row |= {"user_id": f" {self.user} " if self.untidy else self.user}
        self.last = (table, self.sample.add(table, "accepted", row))
        return self

    def write(self, event_type: str, after: timedelta, step: str | None = None, **more: str | None) -> Self:
        row: Row = {"journey_id": self.journey, "event_type": f" {event_type.title()} " if self.untidy else event_type}
        return self.add("journey_events", after, row | {"step_id": step, "journey_instance_id": self.instance} | more)

    def visits(self, step: str, after: timedelta = 5 * MINUTE) -> Self:
        self.write("step_entered", after, step).notes("entry_count", step)
        self.path.append((step, self.clock))
        return self if self.entered_at else self.notes("unmatched_count", step)

    def message(self, what: str, platform: str | None, after: timedelta) -> Self:
        step = self.path[-1][0]
        self.write(f"message_{what}", after, step, platform=platform.upper() if platform and self.untidy else platform)
        self.notes(f"{what}_count", step)
        return self.notes(f"{platform if platform in ('android', 'ios') else 'other_platform'}_{what}_count", step)

    def sent(self, platform: str | None = None, after: timedelta = NOW) -> Self:
        return self.message("sent", platform, after).notes("messages_sent")

    def failed(self, platform: str | None = None, after: timedelta = NOW) -> Self:
        return self.message("failed", platform, after)

    def shown(self, platform: str | None = None, after: timedelta = MINUTE) -> Self:
        return self.message("shown", platform, after)

    def clicked(self, platform: str | None = None, after: timedelta = 3 * MINUTE) -> Self:
        return self.message("clicked", platform, after)

    def outcome(self, word: str | None, after: timedelta = MINUTE) -> Self:
        step = self.path[-1][0]
        return self.write("step_outcome", after, step, outcome=word).notes("outcome_count", step, word or "(none)")

    def exits(self, after: timedelta = HOUR, reason: str | None = None, ignored: bool = False) -> Self:
        self.write("journey_exited", after, exit_reason=reason)
        self.exited_at = self.exited_at if ignored else self.clock
        return self

    def does(self, event: str, after: timedelta, verdict: Verdict = "no conversion", **columns: str | None) -> Self:
        named = f" {event.upper()}" if self.untidy else event
        return self.add("user_events", after, {"event_name": named, **columns}).credits(self.clock, verdict)

    def credits(self, at: datetime, verdict: Verdict) -> Self:
        if verdict != "no conversion":
            self.notes("conversion_events", at=at)
        return self.notes("converted_users", at=at) if verdict == "first conversion" else self

    def again(self, later: timedelta, **changes: str | None) -> Self:
        """The last row is delivered again, loaded so much later, perhaps with other content: a duplicate."""
        table, row = self.last
        loaded_at = stamp(datetime.fromisoformat(row["loaded_at"] or "") + later)
        self.sample.add(table, "duplicate", row | {"loaded_at": loaded_at} | changes)
        return self

    def swaps(self) -> Self:
        """The last two rows change places in their file, whose order says nothing."""
        rows = self.sample.rows[self.last[0]]
        rows.insert(-1, rows.pop())
        return self

    def counts_as(self, state: State, window_is_over: bool = True) -> None:
        """The end of the story: what this entry is, and so what its visits and its exit are."""
        self.state, self.window_is_over = state, window_is_over and state in ("converted", "closed")
        kind, place, since = "entry", None, self.entered_at or self.clock
        for step, at in self.path:
            self.moves(kind, place, step, (at - since).total_seconds())
            kind, place, since = "step", step, at
        exited = self.exited_at is not None
        if self.exited_at is None:
            self.moves("waiting", place, None, None)
        else:
            self.moves("exit", place, None, (self.exited_at - since).total_seconds())
        for step, at in self.path[:-1]:
            self.notes("continued_count", step, at=at)
        for step, at in self.path[-1:]:
            self.notes("exited_count" if exited else "waiting_count", step, at=at)
            if exited and state != "converted":
                self.notes("dropped_off_count", step, at=at)
        if exited and state != "converted":
            self.notes("total_exits", at=self.exited_at)

    def moves(self, kind: str, origin: str | None, target: str | None, seconds: float | None) -> None:
        self.sample.moves.append(Move(self.journey, kind, origin, target, self.user, seconds))
