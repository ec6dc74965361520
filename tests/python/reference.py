"""A small, obvious reading of the rules (docs/rules.md), to check the SQL against.

Usage: `publish(raw, channel_metrics)` with the raw rows of each table gives the rows of every published table.
Only the standard library, no cleverness: every event looks at every entry of its user in its journey.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

Row = dict[str, Any]
Pair = tuple[str, str]  # journey_id, user_id
Step = tuple[str, ...]  # journey_id, step_id

BLANKS = " \t\n\r\v\f"
MICROSECOND = timedelta(microseconds=1)
JOURNEY_EVENT_TYPES = {"journey_entered", "journey_exited"}
STEP_EVENT_TYPES = {
    "step_entered", "step_outcome", "message_sent", "message_failed", "message_shown", "message_clicked",
}  # fmt: skip
LOWER_CASE = {"event_type", "event_name", "platform", "step_type", "conversion_event_name"}
# The columns beside event_id, occurred_at and loaded_at (events), or beside the key and loaded_at (definitions).
COLUMNS = {
    "journey_events": [
        "journey_id", "user_id", "event_type", "step_id", "journey_instance_id", "trigger_event_id", "platform",
        "outcome", "exit_reason",
    ],
    "user_events": ["user_id", "event_name", "revenue", "properties"],
    "journeys": ["journey_name", "conversion_event_name", "attribution_window_minutes"],
    "journey_steps": ["step_name", "step_type", "step_position"],
}  # fmt: skip
STEP_COUNTS = [
    "entry_count", "sent_count", "failed_count", "shown_count", "clicked_count",
    "android_sent_count", "android_failed_count", "android_clicked_count",
    "ios_sent_count", "ios_failed_count", "ios_clicked_count",
    "other_platform_sent_count", "other_platform_failed_count", "other_platform_clicked_count",
]  # fmt: skip
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?(?: ?(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?))?)?"
)


@dataclass(frozen=True)
class Event:
    """An accepted journey event or user event; `name` is its event type or its event name."""

    event_id: str
    user_id: str
    name: str
    occurred_at: datetime
    loaded_at: datetime
    journey_id: str = ""
    step_id: str | None = None
    journey_instance_id: str | None = None
    trigger_event_id: str | None = None
    platform: str | None = None
    outcome: str | None = None

    @property
    def pair(self) -> Pair:
        return self.journey_id, self.user_id

    @property
    def step(self) -> Step:
        return self.journey_id, self.step_id or ""


@dataclass(frozen=True)
class Entry:
    """An entry of a user into a journey (E1) with all that became of it."""

    event: Event
    exited_at: datetime | None
    visits: list[Event]
    conversions: list[Event]
    window_is_over: bool

    @property
    def state(self) -> str:
        """E8."""
        if self.conversions:
            return "converted"
        if self.exited_at is None:
            return "active"
        return "exited_window_closed" if self.window_is_over else "exited_window_open"


@dataclass(frozen=True)
class Visit:
    """E9: a `step_entered` event, its entry and the entry's next visit, where there are such."""

    event: Event
    entry: Entry | None
    next: Event | None

    @property
    def state(self) -> str:
        if self.entry is None:
            return "unmatched"
        if self.next is not None:
            return "continued"
        return "waiting" if self.entry.exited_at is None else "exited"

    @property
    def is_dropped_off(self) -> bool:
        return self.entry is not None and self.state == "exited" and self.entry.state != "converted"


@dataclass
class Facts:
    """All that the published tables are counted from."""

    journeys: dict[str, Row]
    steps: dict[Step, Row]
    channel_metrics: set[tuple[str, str]]
    events: list[Event]  # of journeys
    user_events: list[Event]
    rejected_events: list[Row]
    load_reconciliation: list[Row]
    data_complete_at: datetime | None
    entries: list[Entry] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    first_entries: dict[Pair, Event] = field(default_factory=dict)
    first_conversions: dict[Pair, Event] = field(default_factory=dict)
    matured: set[Pair] = field(default_factory=set)


# --- from raw rows to accepted events --------------------------------------------------------------------------------


def clean(column: str, value: object) -> Any:
    """S1: trimmed, empty is missing, words that are compared are lower-case."""
    if not isinstance(value, str):
        return value
    text = value.strip(BLANKS)
    return (text.lower() if column in LOWER_CASE else text) or None


def read_time(value: object) -> datetime | None:
    """The instant in UTC without a zone, cut to microseconds; None when it cannot be read."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    found = TIME.fullmatch(value.strip(BLANKS)) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    ahead = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    if int(offset_hours or 0) > 15 or int(offset_minutes or 0) > 59:
        return None
    try:
        local = datetime.strptime(f"{day} {clock or '00:00'}:{second or '00'}", "%Y-%m-%d %H:%M:%S")
        microsecond = int((fraction or "0")[:6].ljust(6, "0"))
        return local.replace(microsecond=microsecond) - (-ahead if sign == "-" else ahead)
    except (ValueError, OverflowError):
        return None


def raw_text(value: object) -> str | None:
    """A time as it came; a native timestamp in its usual text, without trailing zeros of the fraction."""
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ")
        return text.rstrip("0") if "." in text else text
    return None if value is None else str(value)


def reject_reason(row: Row, max_clock_skew: timedelta) -> str | None:
    """S2, S3: the first reason that holds for a cleaned row."""
    missing = [column for column in ("event_id", "user_id", "journey_id", "event_name") if row.get(column, "") is None]
    if missing:
        return f"missing_{missing[0]}"
    if "event_type" in row and row["event_type"] not in JOURNEY_EVENT_TYPES | STEP_EVENT_TYPES:
        return "unknown_event_type"
    if row.get("event_type") in STEP_EVENT_TYPES and row["step_id"] is None:
        return "missing_step_id"
    if row["loaded_at"] is None:
        return "missing_loaded_at"
    if row["occurred_at"] is None:
        return "unreadable_time"
    if row["occurred_at"] - row["loaded_at"] > max_clock_skew:
        return "from_the_future"
    return None


def nulls_last(values: list[Any]) -> list[tuple[bool, Any]]:
    """A sort key in which a null comes after every value."""
    return [(value is None, 0 if value is None else value) for value in values]


def first_loaded(rows: list[Row], columns: list[str]) -> Row:
    """S4: of the accepted rows with one event_id, the one that is the event."""
    return min(rows, key=lambda row: nulls_last([row[column] for column in ["loaded_at", "occurred_at", *columns]]))


def as_event(row: Row) -> Event:
    """The cleaned accepted row as an event."""
    unused = {"event_type", "event_name", "exit_reason", "revenue", "properties"}
    columns = {column: value for column, value in row.items() if column not in unused}
    return Event(name=row.get("event_type") or row["event_name"], **columns)


def sort_out(table: str, raw_rows: list[Row], max_clock_skew: timedelta) -> tuple[list[Event], list[Row], Row]:
    """S1 to S5: the accepted events of a raw table, its `rejected_events` rows and its `load_reconciliation` row."""
    accepted: dict[str, list[Row]] = defaultdict(list)
    rejected: list[Row] = []
    for raw in raw_rows:
        row = {column: clean(column, raw.get(column)) for column in ["event_id", *COLUMNS[table]]}
        row |= {"occurred_at": read_time(raw.get("occurred_at")), "loaded_at": read_time(raw.get("loaded_at"))}
        reason = reject_reason(row, max_clock_skew)
        if reason is None:
            accepted[row["event_id"]].append(row)
        else:
            rejected.append({
                "raw_table": table, "reason": reason, "event_id": row["event_id"], "user_id": row["user_id"],
                "journey_id": row.get("journey_id"), "event_type_or_name": row.get("event_type", row.get("event_name")),
                "step_id": row.get("step_id"), "occurred_at_raw": raw_text(raw.get("occurred_at")),
                "loaded_at": row["loaded_at"],
            })  # fmt: skip
    events = [as_event(first_loaded(rows, COLUMNS[table])) for rows in accepted.values()]
    return events, rejected, {
        "raw_table": table, "raw_rows": len(raw_rows), "accepted_rows": len(events),
        "duplicate_rows": sum(len(rows) - 1 for rows in accepted.values()), "rejected_rows": len(rejected),
    }  # fmt: skip


def definitions(table: str, raw_rows: list[Row], key: list[str]) -> dict[tuple[str, ...], Row]:
    """S6: the latest loaded row per key; rows without a key define nothing, a null `loaded_at` is the oldest."""
    versions: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for raw in raw_rows:
        row = {column: clean(column, raw.get(column)) for column in [*key, *COLUMNS[table]]}
        row["loaded_at"] = read_time(raw.get("loaded_at")) or datetime.min
        if all(row[column] is not None for column in key):
            versions[tuple(row[column] for column in key)].append(row)
    chosen = {}
    for key_values, rows in versions.items():
        latest = max(row["loaded_at"] for row in rows)
        tied = [row for row in rows if row["loaded_at"] == latest]
        chosen[key_values] = min(tied, key=lambda row: nulls_last([row[column] for column in COLUMNS[table]]))
    return chosen


# --- entries, exits, conversions -------------------------------------------------------------------------------------


def by_time(event: Event) -> tuple[datetime, str]:
    """The order of everything: time, then id."""
    return event.occurred_at, event.event_id


def is_within(window_minutes: int, exited_at: datetime, moment: datetime) -> bool:
    """E4: is the moment at or before the end of the attribution window? Whole microseconds, so no end is too far."""
    return (moment - exited_at) // MICROSECOND <= window_minutes * 60_000_000


def owner(event: Event, entered: list[Event]) -> Event | None:
    """E2: the entry that a journey event belongs to."""
    earlier = [entry for entry in entered if entry.occurred_at <= event.occurred_at]
    instance = event.journey_instance_id
    same_run = [entry for entry in earlier if instance is not None and entry.journey_instance_id == instance]
    return max(same_run or earlier, key=by_time, default=None)


def can_convert(action: Event, entry: Event, exited_at: datetime | None, window_minutes: int) -> bool:
    """E4, for a user event that has the conversion event's name already."""
    if action.event_id == entry.trigger_event_id or action.occurred_at < entry.occurred_at:
        return False
    return exited_at is None or is_within(window_minutes, exited_at, action.occurred_at)


def entries_of_pair(events: list[Event], actions: list[Event], window: int, data_complete_at: datetime) -> list[Entry]:
    """E1 to E5 and E8 for one user in one journey; `actions` are the user's events with the conversion event's name."""
    entered = [event for event in events if event.name == "journey_entered"]
    owned: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        own = owner(event, entered)
        if own is not None and event.name != "journey_entered":
            owned[own.event_id].append(event)

    exited_at: dict[str, datetime | None] = {}
    for entry in entered:  # E3
        exits = [event.occurred_at for event in owned[entry.event_id] if event.name == "journey_exited"]
        exited_at[entry.event_id] = min(exits, default=None)

    credited: dict[str, list[Event]] = defaultdict(list)
    for action in actions:  # E5
        valid = [entry for entry in entered if can_convert(action, entry, exited_at[entry.event_id], window)]
        if valid:
            credited[max(valid, key=by_time).event_id].append(action)

    entries = []
    for entry in sorted(entered, key=by_time):
        exit_time = exited_at[entry.event_id]
        visits = [event for event in owned[entry.event_id] if event.name == "step_entered"]
        is_over = exit_time is not None and not is_within(window, exit_time, data_complete_at)
        entries.append(Entry(entry, exit_time, sorted(visits, key=by_time), credited[entry.event_id], is_over))
    return entries


def visits_of(entries: list[Entry], events: list[Event]) -> list[Visit]:
    """Every `step_entered` event once, with its entry and the entry's next visit."""
    visits = []
    for entry in entries:
        visits += [
            Visit(event, entry, later) for event, later in zip(entry.visits, [*entry.visits[1:], None], strict=False)
        ]
    matched = {visit.event.event_id for visit in visits}
    alone = [event for event in events if event.name == "step_entered" and event.event_id not in matched]
    return visits + [Visit(event, None, None) for event in alone]


def add_entries(facts: Facts) -> None:
    """E1 to E8 for all pairs of a journey and a user."""
    events_of: dict[Pair, list[Event]] = defaultdict(list)
    actions_of: dict[Pair, list[Event]] = defaultdict(list)  # by user and event name
    for event in facts.events:
        events_of[event.pair].append(event)
    for event in facts.user_events:
        actions_of[event.user_id, event.name].append(event)
    for pair in sorted(events_of):
        definition = facts.journeys.get(pair[0], {})
        conversion_event_name = definition.get("conversion_event_name")
        actions = [] if conversion_event_name is None else actions_of[pair[1], conversion_event_name]
        window = definition.get("attribution_window_minutes") or 0
        assert facts.data_complete_at is not None
        entries = entries_of_pair(events_of[pair], actions, window, facts.data_complete_at)
        facts.entries += entries
        if entries:
            facts.first_entries[pair] = entries[0].event
            conversions = [event for entry in entries for event in entry.conversions]
            if conversions:  # E6
                facts.first_conversions[pair] = min(conversions, key=by_time)
            if all(entry.window_is_over for entry in entries):  # E8
                facts.matured.add(pair)
    facts.visits = visits_of(facts.entries, facts.events)


# --- published tables ------------------------------------------------------------------------------------------------


def pct(part: int | None, whole: int | None) -> float | None:
    """A percentage; null when it cannot be said."""
    return None if part is None or not whole else 100.0 * part / whole


def median_seconds(waits: list[timedelta]) -> float | None:
    """The middle of whole microseconds, in seconds: divided last, so that nothing is rounded twice."""
    return median(wait // MICROSECOND for wait in waits) / 1e6 if waits else None


def users(events: list[Event]) -> int:
    """Distinct users."""
    return len({event.user_id for event in events})


def conversion_numbers(facts: Facts, pairs: set[Pair]) -> Row:
    """The user counts and rates of an overview or a cohort, over the (journey, user) pairs in it."""
    converted = pairs & facts.first_conversions.keys()
    matured = pairs & facts.matured
    return {
        "entry_user_count": len(pairs),
        "converted_users": len(converted),
        "conversion_rate_pct": pct(len(converted), len(pairs)),
        "matured_entry_user_count": len(matured),
        "matured_converted_users": len(matured & converted),
        "matured_conversion_rate_pct": pct(len(matured & converted), len(matured)),
    }


def journey_overview(facts: Facts) -> Iterator[Row]:
    for journey_id in sorted(facts.journeys.keys() | {event.journey_id for event in facts.events}):
        definition = facts.journeys.get(journey_id)
        entries = [entry for entry in facts.entries if entry.event.journey_id == journey_id]
        entered_at = [entry.event.occurred_at for entry in entries]
        states = Counter(entry.state for entry in entries)
        yield conversion_numbers(facts, {entry.event.pair for entry in entries}) | {
            "journey_id": journey_id,
            "journey_name": definition and definition["journey_name"],
            "conversion_event_name": definition and definition["conversion_event_name"],
            "attribution_window_minutes": definition and (definition["attribution_window_minutes"] or 0),
            "messages_sent": sum(e.journey_id == journey_id and e.name == "message_sent" for e in facts.events),
            "total_entries": len(entries),
            "total_exits": states["exited_window_open"] + states["exited_window_closed"],
            "converted_entries": states["converted"],
            "conversion_events": sum(len(entry.conversions) for entry in entries),
            "active_entries": states["active"],
            "exited_window_open_entries": states["exited_window_open"],
            "exited_window_closed_entries": states["exited_window_closed"],
            "first_entered_at": min(entered_at, default=None),
            "last_entered_at": max(entered_at, default=None),
            "data_complete_at": facts.data_complete_at,
        }


def unconverted_exits(facts: Facts) -> list[tuple[Entry, datetime]]:
    """`total_exits`: the entries that exited without conversion, and when."""
    return [(e, e.exited_at) for e in facts.entries if e.exited_at is not None and e.state != "converted"]


def day_of(event: Event) -> tuple[str, date]:
    """The journey and the UTC day."""
    return event.journey_id, event.occurred_at.date()


def journey_overview_daily(facts: Facts) -> Iterator[Row]:
    sent = [day_of(event) for event in facts.events if event.name == "message_sent"]
    entered = [day_of(entry.event) for entry in facts.entries]
    new = [day_of(event) for event in facts.first_entries.values()]
    converted = [(pair[0], event.occurred_at.date()) for pair, event in facts.first_conversions.items()]
    exited = [(entry.event.journey_id, moment.date()) for entry, moment in unconverted_exits(facts)]
    for day in sorted({*sent, *entered, *converted, *exited}):
        yield {
            "journey_id": day[0],
            "date_day": day[1],
            "messages_sent": sent.count(day),
            "total_entries": entered.count(day),
            "entry_user_count": users([entry.event for entry in facts.entries if day_of(entry.event) == day]),
            "new_entry_user_count": new.count(day),
            "converted_users": converted.count(day),
            "total_exits": exited.count(day),
        }


def journey_entry_cohorts(facts: Facts) -> Iterator[Row]:
    for day in sorted({day_of(event) for event in facts.first_entries.values()}):
        members = {pair for pair, event in facts.first_entries.items() if day_of(event) == day}
        yield {"journey_id": day[0], "cohort_date": day[1]} | conversion_numbers(facts, members)


def has_metric(facts: Facts, step: Step, metric: str) -> bool:
    """E10: does the step's type have the metric? A type that the seed does not list is `(other)`."""
    step_type = facts.steps.get(step, {}).get("step_type")
    listed = step_type in {listed_type for listed_type, _ in facts.channel_metrics}
    return (step_type if listed else "(other)", metric) in facts.channel_metrics


def step_counts(event: Event) -> list[str]:
    """The counts of `journey_step_channel_metrics` that an event adds one to."""
    if event.name == "step_entered":
        return ["entry_count"]
    word, _, kind = event.name.partition("_")
    platform = event.platform if event.platform in ("android", "ios") else "other_platform"
    names = [f"{kind}_count", f"{platform}_{kind}_count"] if word == "message" else []
    return [name for name in names if name in STEP_COUNTS]


def journey_step_channel_metrics(facts: Facts) -> Iterator[Row]:
    for step in sorted(facts.steps.keys() | {event.step for event in facts.events if event.step_id is not None}):
        events = [event for event in facts.events if event.step == step]
        definition = facts.steps.get(step, {})
        count: dict[str, int | None] = dict.fromkeys(STEP_COUNTS, 0)
        count |= Counter(name for event in events for name in step_counts(event))
        count["entry_user_count"] = users([event for event in events if event.name == "step_entered"])
        count = {name: number if has_metric(facts, step, name) else None for name, number in count.items()}
        sent, failed = count["sent_count"], count["failed_count"]
        attempted = None if sent is None or failed is None else sent + failed
        yield {
            "journey_id": step[0],
            "journey_name": facts.journeys.get(step[0], {}).get("journey_name"),
            "step_id": step[1],
            **{column: definition.get(column) for column in ("step_name", "step_type", "step_position")},
            **count,
            "failed_pct": pct(failed, attempted),
            "shown_pct": pct(count["shown_count"], sent),
            "clicked_pct": pct(count["clicked_count"], sent),
        }


def journey_step_outcomes(facts: Facts) -> Iterator[Row]:
    outcomes: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in facts.events:
        if event.name == "step_outcome":
            outcomes[event.journey_id, event.step_id or "", event.outcome or "(none)"].append(event)
    for (journey_id, step_id, outcome), events in sorted(outcomes.items(), key=lambda item: item[0]):
        yield {
            "journey_id": journey_id, "step_id": step_id, "outcome": outcome,
            "outcome_count": len(events), "outcome_user_count": users(events),
        }  # fmt: skip


def journey_step_flow(facts: Facts) -> Iterator[Row]:
    for step in sorted({visit.event.step for visit in facts.visits}):
        visits = [visit for visit in facts.visits if visit.event.step == step]
        states = Counter(visit.state for visit in visits)
        dropped_off_count = sum(visit.is_dropped_off for visit in visits)
        waits = [visit.next.occurred_at - visit.event.occurred_at for visit in visits if visit.next]
        entered_users = sum(journey_id == step[0] for journey_id, _ in facts.first_entries)
        yield {
            "journey_id": step[0],
            "step_id": step[1],
            "entry_count": len(visits),
            **{f"{state}_count": states[state] for state in ("continued", "exited", "waiting", "unmatched")},
            "dropped_off_count": dropped_off_count,
            "drop_off_pct": pct(dropped_off_count, len(visits)),
            "reached_user_pct": pct(users([visit.event for visit in visits]), entered_users),
            "median_seconds_to_next_step": median_seconds(waits),
        }


def moves(entry: Entry) -> Iterator[tuple[str, str | None, str | None, timedelta | None]]:
    """The transitions of one entry: kind, from, to, elapsed time."""
    step: str | None = None
    moment = entry.event.occurred_at
    for visit in entry.visits:
        kind = "entry" if step is None else "step"
        yield kind, step, visit.step_id, visit.occurred_at - moment
        step, moment = visit.step_id, visit.occurred_at
    if entry.exited_at is None:
        yield "waiting", step, None, None
    else:
        yield "exit", step, None, entry.exited_at - moment


def journey_step_transitions(facts: Facts) -> Iterator[Row]:
    found: dict[tuple[str, str, str | None, str | None], list[tuple[str, timedelta | None]]] = defaultdict(list)
    for entry in facts.entries:
        for kind, origin, target, elapsed in moves(entry):
            found[entry.event.journey_id, kind, origin, target].append((entry.event.user_id, elapsed))
    for (journey_id, kind, origin, target), hits in sorted(found.items(), key=lambda item: nulls_last([*item[0]])):
        waits = [elapsed for _, elapsed in hits if elapsed is not None]
        yield {
            "journey_id": journey_id, "transition_kind": kind, "from_step_id": origin, "to_step_id": target,
            "transition_count": len(hits), "user_count": len({user_id for user_id, _ in hits}),
            "median_seconds": median_seconds(waits),
        }  # fmt: skip


def counted_moments(facts: Facts) -> Iterator[tuple[str, Pair, str | None, str | None, datetime]]:
    """Every single thing that a number counts: metric, (journey, user), step, outcome, moment."""
    for event in facts.events:
        if event.name == "message_sent":
            yield "messages_sent", event.pair, None, None, event.occurred_at
        if event.name == "step_outcome":
            yield "outcome_count", event.pair, event.step_id, event.outcome or "(none)", event.occurred_at
        for metric in step_counts(event):
            if has_metric(facts, event.step, metric):
                yield metric, event.pair, event.step_id, None, event.occurred_at
    for entry in facts.entries:
        yield "total_entries", entry.event.pair, None, None, entry.event.occurred_at
        for conversion in entry.conversions:
            yield "conversion_events", entry.event.pair, None, None, conversion.occurred_at
    for entry, moment in unconverted_exits(facts):
        yield "total_exits", entry.event.pair, None, None, moment
    for pair, conversion in facts.first_conversions.items():
        yield "converted_users", pair, None, None, conversion.occurred_at
    for visit in facts.visits:
        if visit.state == "waiting":
            yield "waiting_count", visit.event.pair, visit.event.step_id, None, visit.event.occurred_at
        if visit.is_dropped_off:
            yield "dropped_off_count", visit.event.pair, visit.event.step_id, None, visit.event.occurred_at


def journey_metric_users(facts: Facts) -> Iterator[Row]:
    found: dict[tuple[str, Pair, str | None, str | None], list[datetime]] = defaultdict(list)
    for metric, pair, step_id, outcome, moment in counted_moments(facts):
        found[metric, pair, step_id, outcome].append(moment)
    for (metric, (journey_id, user_id), step_id, outcome), moments in found.items():
        yield {
            "metric": metric, "journey_id": journey_id, "step_id": step_id, "outcome": outcome, "user_id": user_id,
            "event_count": len(moments), "first_at": min(moments), "last_at": max(moments),
        }  # fmt: skip


def gather(raw: dict[str, list[Row]], channel_metrics: set[tuple[str, str]], max_clock_skew_minutes: int = 60) -> Facts:
    """Sections 2 and 3: what the raw rows say."""
    skew = timedelta(minutes=max_clock_skew_minutes)
    journey_events, rejected, reconciliation = sort_out("journey_events", raw.get("journey_events", []), skew)
    user_events, more_rejected, more_reconciliation = sort_out("user_events", raw.get("user_events", []), skew)
    journeys = definitions("journeys", raw.get("journeys", []), ["journey_id"])
    facts = Facts(
        journeys={journey_id: row for (journey_id,), row in journeys.items()},
        steps=definitions("journey_steps", raw.get("journey_steps", []), ["journey_id", "step_id"]),
        channel_metrics=channel_metrics,
        events=journey_events,
        user_events=user_events,
        rejected_events=rejected + more_rejected,
        load_reconciliation=[reconciliation, more_reconciliation],
        data_complete_at=max((event.loaded_at for event in journey_events + user_events), default=None),  # E7
    )
    add_entries(facts)
    return facts


def publish(
    raw: dict[str, list[Row]], channel_metrics: set[tuple[str, str]], max_clock_skew_minutes: int = 60
) -> dict[str, list[Row]]:
    """Every published table by name, from the rows of the raw tables."""
    facts = gather(raw, channel_metrics, max_clock_skew_minutes)
    counted = [
        journey_overview, journey_overview_daily, journey_entry_cohorts, journey_step_channel_metrics,
        journey_step_outcomes, journey_step_flow, journey_step_transitions, journey_metric_users,
    ]  # fmt: skip
    return {table.__name__: list(table(facts)) for table in counted} | {
        "load_reconciliation": facts.load_reconciliation,
        "rejected_events": facts.rejected_events,
    }
