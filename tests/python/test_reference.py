"""The reference against cases worked by hand from the rules, and the worlds against the list of what they must hold.

Expectations are written from docs/rules.md, never copied from what the reference said.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from reference import Entry, Event, Facts, by_time, can_convert, gather, owner, publish, read_time
from worlds import (
    COLUMN_TYPES,
    ODD_IDS,
    OPTIONAL_COLUMNS,
    UNREADABLE_TIMES,
    make_world,
    split_into_batches,
    write_parquet,
)

Row = dict[str, Any]
Raw = dict[str, list[Row]]

ALL_TYPES = ["mobile_push", "email", "sms", "in_app", "custom", "wait", "branch", "(other)"]
PLATFORM_METRICS = [
    f"{platform}_{kind}"
    for platform in ("android", "ios", "other_platform")
    for kind in ("sent_count", "failed_count", "clicked_count")
]
CHANNEL_METRICS = {
    *((step_type, metric) for step_type in ALL_TYPES for metric in ("entry_count", "entry_user_count")),
    *(("mobile_push", metric) for metric in ["sent_count", "failed_count", "clicked_count", *PLATFORM_METRICS]),
    *(("email", metric) for metric in ("sent_count", "failed_count", "shown_count", "clicked_count")),
    *(("sms", metric) for metric in ("sent_count", "failed_count")),
    *(("in_app", metric) for metric in ("shown_count", "clicked_count")),
    *(
        (other, metric)
        for other in ("custom", "wait", "branch", "(other)")
        for metric in ("sent_count", "failed_count", "shown_count", "clicked_count")
    ),
}
COLUMNS = {
    "journey_overview": (
        "journey_id, journey_name, conversion_event_name, attribution_window_minutes, messages_sent, total_entries, "
        "entry_user_count, converted_users, conversion_rate_pct, total_exits, converted_entries, conversion_events, "
        "active_entries, exited_window_open_entries, exited_window_closed_entries, matured_entry_user_count, "
        "matured_converted_users, matured_conversion_rate_pct, first_entered_at, last_entered_at, data_complete_at"
    ),
    "journey_overview_daily": (
        "journey_id, date_day, messages_sent, total_entries, entry_user_count, new_entry_user_count, converted_users, "
        "total_exits"
    ),
    "journey_entry_cohorts": (
        "journey_id, cohort_date, entry_user_count, converted_users, conversion_rate_pct, matured_entry_user_count, "
        "matured_converted_users, matured_conversion_rate_pct"
    ),
    "journey_step_channel_metrics": (
        "journey_id, journey_name, step_id, step_name, step_type, step_position, entry_count, entry_user_count, "
        "sent_count, failed_count, shown_count, clicked_count, android_sent_count, android_failed_count, "
        "android_clicked_count, ios_sent_count, ios_failed_count, ios_clicked_count, other_platform_sent_count, "
        "other_platform_failed_count, other_platform_clicked_count, failed_pct, shown_pct, clicked_pct"
    ),
    "journey_step_outcomes": ("journey_id, step_id, outcome, outcome_count, outcome_user_count"),
    "journey_step_flow": (
        "journey_id, step_id, entry_count, continued_count, exited_count, waiting_count, unmatched_count, "
        "dropped_off_count, drop_off_pct, reached_user_pct, median_seconds_to_next_step"
    ),
    "journey_step_transitions": (
        "journey_id, transition_kind, from_step_id, to_step_id, transition_count, user_count, median_seconds"
    ),
    "journey_metric_users": ("metric, journey_id, step_id, outcome, user_id, event_count, first_at, last_at"),
    "load_reconciliation": ("raw_table, raw_rows, accepted_rows, duplicate_rows, rejected_rows"),
    "rejected_events": (
        "raw_table, reason, event_id, user_id, journey_id, event_type_or_name, step_id, occurred_at_raw, loaded_at"
    ),
}


# --- writing worlds by hand -------------------------------------------------------------------------------------------


def journey(
    event_name: str | None = "purchase", window: int | None = 1440, loaded: str = "2024-01-01", **more: object
) -> Row:
    row = {"journey_id": "j", "journey_name": "Welcome", "conversion_event_name": event_name}
    return row | {"attribution_window_minutes": window, "loaded_at": loaded} | more


def step(step_id: str, step_type: str | None, **more: object) -> Row:
    row = {"journey_id": "j", "step_id": step_id, "step_name": "Hello", "step_type": step_type, "step_position": 1}
    return row | {"loaded_at": "2024-01-01"} | more


def event(event_type: str, when: str, user: str = "u", **more: object) -> Row:
    """A journey event of user u in journey j, loaded as it happens."""
    row = {"event_id": f"{user} {event_type} {when}", "journey_id": "j", "user_id": user, "event_type": event_type}
    return row | {"occurred_at": when, "loaded_at": when} | more


def action(event_name: str, when: str, user: str = "u", **more: object) -> Row:
    """A user event, loaded as it happens."""
    row = {"event_id": f"{user} {event_name} {when}", "user_id": user, "event_name": event_name}
    return row | {"occurred_at": when, "loaded_at": when} | more


def world(*rows: Row) -> Raw:
    """Rows sorted into their tables by the columns they have."""
    marks = {"event_type": "journey_events", "event_name": "user_events", "step_type": "journey_steps"}
    raw: Raw = {table: [] for table in COLUMN_TYPES}
    for row in rows:
        raw[next((table for mark, table in marks.items() if mark in row), "journeys")].append(row)
    return raw


def overview(*rows: Row) -> Row:
    """The overview of the only journey in these rows."""
    [row] = publish(world(*rows), CHANNEL_METRICS)["journey_overview"]
    return row


def table(name: str, *rows: Row) -> list[Row]:
    return publish(world(*rows), CHANNEL_METRICS)[name]


def picked(row: Row, columns: str) -> dict[str, Any]:
    return {column: row[column] for column in columns.split()}


ENTERED = event("journey_entered", "2024-03-01T12:00")
EXITED = event("journey_exited", "2024-03-01T18:00")
QUIET = action("noise", "2024-06-01")  # long after: every window is over
LAST_COUNTED, FIRST_NOT_COUNTED = "2024-03-02T18:00:00.000000", "2024-03-02T18:00:00.000001"


# --- conversion -------------------------------------------------------------------------------------------------------


def test_a_purchase_six_hours_after_the_exit_counts_in_a_window_of_a_day() -> None:
    row = overview(journey(), ENTERED, EXITED, action("purchase", "2024-03-02T00:00"), QUIET)
    assert picked(row, "converted_users converted_entries conversion_events total_exits") == {
        "converted_users": 1, "converted_entries": 1, "conversion_events": 1, "total_exits": 0,
    }  # fmt: skip
    assert row["conversion_rate_pct"] == 100.0


def test_a_purchase_two_days_after_the_exit_does_not_count() -> None:
    row = overview(journey(), ENTERED, EXITED, action("purchase", "2024-03-03T18:00"), QUIET)
    assert picked(row, "converted_users conversion_events exited_window_closed_entries total_exits") == {
        "converted_users": 0, "conversion_events": 0, "exited_window_closed_entries": 1, "total_exits": 1,
    }  # fmt: skip
    assert row["conversion_rate_pct"] == 0.0


def test_several_purchases_of_one_entry_convert_one_user_once() -> None:
    purchases = [action("purchase", f"2024-03-01T{hour}:00") for hour in (13, 14, 15)]
    row = overview(journey(), ENTERED, EXITED, *purchases, QUIET)
    assert picked(row, "converted_users converted_entries conversion_events") == {
        "converted_users": 1, "converted_entries": 1, "conversion_events": 3,
    }  # fmt: skip
    rows = table("journey_metric_users", journey(), ENTERED, EXITED, *purchases, QUIET)
    counts = {row["metric"]: (row["event_count"], row["first_at"], row["last_at"]) for row in rows}
    first, last = datetime(2024, 3, 1, 13), datetime(2024, 3, 1, 15)
    assert counts["converted_users"] == (1, first, first)
    assert counts["conversion_events"] == (3, first, last)


def test_a_purchase_after_re_entry_counts_for_the_user_who_had_not_converted() -> None:
    again = event("journey_entered", "2024-04-01T12:00")
    purchase = action("purchase", "2024-04-01T13:00")
    row = overview(journey(), ENTERED, EXITED, again, purchase, QUIET)
    assert picked(row, "total_entries entry_user_count converted_users converted_entries total_exits") == {
        "total_entries": 2, "entry_user_count": 1, "converted_users": 1, "converted_entries": 1, "total_exits": 1,
    }  # fmt: skip


def test_a_user_who_converts_in_two_entries_is_two_converted_entries_and_one_user_at_the_first() -> None:
    rows = [journey(), ENTERED, EXITED, event("journey_entered", "2024-04-01T12:00"), QUIET]
    rows += [action("purchase", "2024-04-01T13:00"), action("purchase", "2024-03-01T13:00")]
    assert picked(overview(*rows), "converted_users converted_entries conversion_events") == {
        "converted_users": 1, "converted_entries": 2, "conversion_events": 2,
    }  # fmt: skip
    days = {row["date_day"]: row["converted_users"] for row in table("journey_overview_daily", *rows)}
    assert days == {date(2024, 3, 1): 1, date(2024, 4, 1): 0}


@pytest.mark.parametrize(
    ("when", "converted"),
    [
        ("2024-03-01T11:59:59.999999", 0),
        ("2024-03-01T12:00:00.000000", 1),
        ("2024-03-01T18:00:00.000001", 1),
        (LAST_COUNTED, 1),
        (FIRST_NOT_COUNTED, 0),
        ("2024-03-02T23:30:00+05:30", 1),  # the last microsecond that counts, on another clock
        ("2024-03-02T23:30:00.000001+05:30", 0),
    ],
)
def test_both_ends_of_entry_to_window_end_count(when: str, converted: int) -> None:
    purchase = action("purchase", when, loaded_at="2024-05-01")
    assert overview(journey(), ENTERED, EXITED, purchase)["converted_users"] == converted


@pytest.mark.parametrize("window", [0, None])
@pytest.mark.parametrize(("when", "converted"), [("2024-03-01T18:00", 1), ("2024-03-01T18:00:00.000001", 0)])
def test_without_a_window_the_moment_of_the_exit_is_the_last_that_counts(
    window: int | None, when: str, converted: int
) -> None:
    row = overview(journey(window=window), ENTERED, EXITED, action("purchase", when), QUIET)
    assert (row["converted_users"], row["attribution_window_minutes"]) == (converted, 0)


def test_a_window_that_no_calendar_can_hold_never_closes() -> None:
    row = overview(journey(window=10**13), ENTERED, EXITED, action("purchase", "9999-12-31T23:59:59.999999"))
    assert row["converted_users"] == 1
    row = overview(journey(window=10**13), ENTERED, EXITED, action("noise", "9999-12-31T23:59:59.999999"))
    assert (row["exited_window_open_entries"], row["matured_entry_user_count"]) == (1, 0)


def test_without_an_exit_a_purchase_counts_however_late() -> None:
    assert overview(journey(window=0), ENTERED, action("purchase", "2034-01-01"))["converted_users"] == 1


def test_the_conversion_event_is_compared_trimmed_and_in_lower_case() -> None:
    row = overview(journey(" Purchase\t"), ENTERED, action("\nPURCHASE ", "2024-03-01T13:00"))
    assert (row["converted_users"], row["conversion_event_name"]) == (1, "purchase")


@pytest.mark.parametrize("event_name", [None, " ", "sign_up"])
def test_another_event_or_none_does_not_convert(event_name: str | None) -> None:
    assert overview(journey(event_name), ENTERED, action("purchase", "2024-03-01T13:00"))["converted_users"] == 0


def test_a_purchase_of_another_user_does_not_convert() -> None:
    assert overview(journey(), ENTERED, action("purchase", "2024-03-01T13:00", user="U"))["converted_users"] == 0


def test_the_trigger_event_does_not_convert_its_entry_but_another_purchase_does() -> None:
    trigger = action("purchase", "2024-03-01T12:00", event_id="t")
    entered = ENTERED | {"trigger_event_id": " t "}
    assert overview(journey(), entered, trigger)["conversion_events"] == 0
    assert overview(journey(), entered, trigger, action("purchase", "2024-03-01T12:00"))["conversion_events"] == 1


def test_the_trigger_of_a_later_entry_converts_the_earlier_one() -> None:
    trigger = action("purchase", "2024-03-01T14:00", event_id="t")
    again = event("journey_entered", "2024-03-01T14:00", event_id="b", trigger_event_id="t")
    facts = gather(world(journey(), ENTERED, again, trigger), CHANNEL_METRICS)
    assert {entry.event.event_id: entry.state for entry in facts.entries} == {
        ENTERED["event_id"]: "converted", "b": "active",
    }  # fmt: skip


def test_a_purchase_valid_for_several_entries_is_credited_to_the_latest_only() -> None:
    rows = [journey(), *(event("journey_entered", "2024-03-01T12:00", event_id=name) for name in ("e10", "e9", "e1"))]
    facts = gather(world(*rows, action("purchase", "2024-03-01T12:00")), CHANNEL_METRICS)
    assert {entry.event.event_id: len(entry.conversions) for entry in facts.entries} == {"e1": 0, "e10": 0, "e9": 1}


def test_a_purchase_too_late_for_the_latest_entry_is_credited_to_the_latest_it_is_valid_for() -> None:
    first = ENTERED | {"event_id": "a", "journey_instance_id": "run-1"}
    second = event("journey_entered", "2024-03-01T13:00", event_id="b", journey_instance_id="run-2")
    exit_of_second = event("journey_exited", "2024-03-01T14:00", journey_instance_id="run-2")
    purchase = action("purchase", "2024-03-05T00:00")
    facts = gather(world(journey(), first, second, exit_of_second, purchase), CHANNEL_METRICS)
    assert {entry.event.event_id: entry.state for entry in facts.entries} == {
        "a": "converted", "b": "exited_window_closed",
    }  # fmt: skip


def test_the_attributed_first_conversion_of_equal_moments_is_one() -> None:
    purchases = [action("purchase", "2024-03-01T13:00", event_id=name) for name in ("b", "a")]
    facts = gather(world(journey(), ENTERED, *purchases), CHANNEL_METRICS)
    assert facts.first_conversions["j", "u"].event_id == "a"


# --- entries and what belongs to them ---------------------------------------------------------------------------------


def exits_by_entry(*rows: Row) -> dict[str, datetime | None]:
    facts = gather(world(*rows), CHANNEL_METRICS)
    return {entry.event.event_id: entry.exited_at for entry in facts.entries}


RUN_1 = event("journey_entered", "2024-03-01T12:00", event_id="a", journey_instance_id="run-1")
RUN_2 = event("journey_entered", "2024-03-01T13:00", event_id="b", journey_instance_id="run-2")
NOON, TWO, THREE = datetime(2024, 3, 1, 12), datetime(2024, 3, 1, 14), datetime(2024, 3, 1, 15)


@pytest.mark.parametrize(
    ("instance", "when", "expected"),
    [
        ("run-1", "2024-03-01T14:00", {"a": TWO, "b": None}),
        (" run-1\t", "2024-03-01T14:00", {"a": TWO, "b": None}),
        ("run-2", "2024-03-01T14:00", {"a": None, "b": TWO}),
        (None, "2024-03-01T14:00", {"a": None, "b": TWO}),
        ("no-such-run", "2024-03-01T14:00", {"a": None, "b": TWO}),
        ("RUN-1", "2024-03-01T14:00", {"a": None, "b": TWO}),
        ("run-2", "2024-03-01T12:00", {"a": NOON, "b": None}),  # run-2 has not begun: no such entry yet
        ("run-1", "2024-03-01T11:59:59.999999", {"a": None, "b": None}),
    ],
)
def test_an_exit_belongs_to_the_entry_of_its_run_or_else_to_the_latest(
    instance: str | None, when: str, expected: dict[str, datetime | None]
) -> None:
    assert exits_by_entry(RUN_1, RUN_2, event("journey_exited", when, journey_instance_id=instance)) == expected


def test_of_several_entries_of_one_run_the_latest_before_the_event_owns_it() -> None:
    again = RUN_2 | {"journey_instance_id": "run-1"}
    left = event("journey_exited", "2024-03-01T14:00", journey_instance_id="run-1")
    assert exits_by_entry(RUN_1, again, left) == {"a": None, "b": TWO}


def test_an_event_without_instance_belongs_to_the_latest_entry_not_to_one_without_instance() -> None:
    without = RUN_1 | {"journey_instance_id": None}
    assert exits_by_entry(without, RUN_2, event("journey_exited", "2024-03-01T14:00")) == {"a": None, "b": TWO}


def test_an_entry_keeps_its_earliest_exit_and_ignores_further_ones() -> None:
    exits = [event("journey_exited", f"2024-03-01T{hour}:00") for hour in (15, 14, 16)]
    assert exits_by_entry(RUN_1, *exits) == {"a": TWO}


def test_an_exit_is_not_invented_by_a_later_entry() -> None:
    assert exits_by_entry(RUN_1, RUN_2, event("journey_exited", "2024-03-01T15:00")) == {"a": None, "b": THREE}


def test_an_exit_of_another_user_or_journey_does_not_count() -> None:
    others = [event("journey_exited", "2024-03-01T14:00", user="v"), EXITED | {"journey_id": "k", "event_id": "k"}]
    assert exits_by_entry(RUN_1, *others) == {"a": None}


def test_events_before_any_entry_are_unmatched_and_still_count_for_the_step() -> None:
    early = [
        event("step_entered", "2024-03-01T11:00", step_id="s"),
        event("message_sent", "2024-03-01T11:00", step_id="s"),
    ]
    [flow] = table("journey_step_flow", ENTERED, *early)
    assert picked(flow, "entry_count unmatched_count waiting_count reached_user_pct") == {
        "entry_count": 1, "unmatched_count": 1, "waiting_count": 0, "reached_user_pct": 100.0,
    }  # fmt: skip
    [metrics] = table("journey_step_channel_metrics", ENTERED, *early)
    assert picked(metrics, "entry_count sent_count") == {"entry_count": 1, "sent_count": 1}


def test_a_step_reached_without_any_entry_has_no_reached_share() -> None:
    [flow] = table("journey_step_flow", event("step_entered", "2024-03-01T11:00", step_id="s"))
    assert flow["reached_user_pct"] is None


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "state", "matured"),
    [
        ([ENTERED], "active", 0),
        ([ENTERED, EXITED], "exited_window_open", 0),
        ([ENTERED, EXITED, action("noise", LAST_COUNTED)], "exited_window_open", 0),
        ([ENTERED, EXITED, action("noise", FIRST_NOT_COUNTED)], "exited_window_closed", 1),
        ([ENTERED, action("purchase", "2024-03-01T13:00"), QUIET], "converted", 0),
        ([ENTERED, EXITED, action("purchase", "2024-03-01T13:00")], "converted", 0),
        ([ENTERED, EXITED, action("purchase", "2024-03-01T13:00"), QUIET], "converted", 1),
    ],
)
def test_an_entry_is_in_one_state(rows: list[Row], state: str, matured: int) -> None:
    row = overview(journey(), *rows)
    states = Counter(
        {name: row[f"{name}_entries"] for name in ("active", "exited_window_open", "exited_window_closed", "converted")}
    )
    assert +states == Counter([state])
    assert row["matured_entry_user_count"] == matured


def test_a_user_with_one_open_entry_is_not_matured() -> None:
    row = overview(journey(), ENTERED, EXITED, event("journey_entered", "2024-03-05"), QUIET)
    assert picked(row, "matured_entry_user_count matured_converted_users matured_conversion_rate_pct") == {
        "matured_entry_user_count": 0, "matured_converted_users": 0, "matured_conversion_rate_pct": None,
    }  # fmt: skip


def test_data_is_complete_until_the_last_loaded_accepted_event_of_either_table() -> None:
    rejected = action("noise", "nonsense", loaded_at="2024-07-01")
    duplicate = ENTERED | {"loaded_at": "2024-07-02"}
    defined_late = journey(loaded="2024-07-03")
    row = overview(defined_late, ENTERED, duplicate, EXITED, QUIET, rejected)
    assert row["data_complete_at"] == datetime(2024, 6, 1)


def test_a_journey_without_events_has_a_row_of_zeros() -> None:
    row = overview(journey(window=None))
    nulls = "conversion_rate_pct matured_conversion_rate_pct first_entered_at last_entered_at data_complete_at"
    assert set(picked(row, nulls).values()) == {None}
    names = {"journey_id": "j", "journey_name": "Welcome", "conversion_event_name": "purchase"}
    zeros = row.keys() - names.keys() - set(nulls.split())
    assert picked(row, " ".join(names)) == names
    assert {row[column] for column in zeros} == {0}


def test_a_journey_without_definition_counts_and_has_no_names() -> None:
    row = overview(ENTERED, EXITED, action("purchase", "2024-03-01T13:00"))
    assert picked(row, "journey_name conversion_event_name attribution_window_minutes") == {
        "journey_name": None, "conversion_event_name": None, "attribution_window_minutes": None,
    }  # fmt: skip
    assert picked(row, "total_entries converted_users total_exits exited_window_open_entries") == {
        "total_entries": 1, "converted_users": 0, "total_exits": 1, "exited_window_open_entries": 1,
    }  # fmt: skip


# --- raw rows ---------------------------------------------------------------------------------------------------------

SENT = event("message_sent", "2024-03-01T12:00", step_id="s")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (SENT | {"event_id": " ", "user_id": None, "journey_id": None}, "missing_event_id"),
        (SENT | {"user_id": "\t", "journey_id": None, "event_type": "?"}, "missing_user_id"),
        (SENT | {"journey_id": "", "event_type": "?"}, "missing_journey_id"),
        (SENT | {"event_type": "sent", "step_id": None, "loaded_at": None}, "unknown_event_type"),
        (SENT | {"event_type": None}, "unknown_event_type"),
        (SENT | {"step_id": " ", "loaded_at": None}, "missing_step_id"),
        (SENT | {"loaded_at": None, "occurred_at": "?"}, "missing_loaded_at"),
        (SENT | {"occurred_at": "?"}, "unreadable_time"),
        (SENT | {"occurred_at": None}, "unreadable_time"),
        (SENT | {"loaded_at": "2024-03-01T10:59:59.999999"}, "from_the_future"),
        (SENT | {"loaded_at": "2024-03-01T11:00"}, None),
        (SENT | {"event_type": " Message_SENT\n"}, None),
        (ENTERED | {"step_id": None}, None),
        (EXITED | {"step_id": None}, None),
        (action("purchase", "?", event_id=None, user_id=None), "missing_event_id"),
        (action(" ", "?", user_id=""), "missing_user_id"),
        (action(" ", "?"), "missing_event_name"),
        (action("purchase", "?", loaded_at=None), "missing_loaded_at"),
        (action("purchase", "?", loaded_at="2024-03-01"), "unreadable_time"),
        (action("purchase", "2024-03-01T12:00", loaded_at="2024-03-01T10:59:59.999999"), "from_the_future"),
        (action("purchase", "2024-03-01T12:00", loaded_at="2024-03-01T11:00"), None),
    ],
)
def test_a_row_is_rejected_for_the_first_reason_that_holds(row: Row, reason: str | None) -> None:
    assert [rejected["reason"] for rejected in table("rejected_events", row)] == ([] if reason is None else [reason])


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r", "\v", "\f"])
def test_only_ascii_blanks_are_trimmed(blank: str) -> None:
    assert table("rejected_events", ENTERED | {"user_id": blank})[0]["reason"] == "missing_user_id"
    rows = [
        ENTERED | {"user_id": user_id, "event_id": user_id} for user_id in ("u", f"{blank}u{blank}", "\u00a0u", "U")
    ]
    facts = gather(world(*rows), CHANNEL_METRICS)
    assert {entry.event.user_id for entry in facts.entries} == {"u", "\u00a0u", "U"}


def test_the_clock_skew_can_be_set() -> None:
    early = SENT | {"loaded_at": "2024-03-01T11:59:59.999999"}
    assert publish(world(early), CHANNEL_METRICS, 0)["rejected_events"][0]["reason"] == "from_the_future"
    assert publish(world(early), CHANNEL_METRICS, 1)["rejected_events"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", datetime(2024, 3, 1)),
        (" 2024-03-01T10:30\t", datetime(2024, 3, 1, 10, 30)),
        ("2024-03-01t10:30:15", datetime(2024, 3, 1, 10, 30, 15)),
        ("2024-03-01 10:30:15.5", datetime(2024, 3, 1, 10, 30, 15, 500000)),
        ("2024-03-01 10:30:15,1234569", datetime(2024, 3, 1, 10, 30, 15, 123456)),
        ("2024-03-01T10:30Z", datetime(2024, 3, 1, 10, 30)),
        ("2024-03-01T10:30 z", datetime(2024, 3, 1, 10, 30)),
        ("2024-03-01T10:30+02", datetime(2024, 3, 1, 8, 30)),
        ("2024-03-01T10:30 +0545", datetime(2024, 3, 1, 4, 45)),
        ("2024-03-01T20:30:00-05:30", datetime(2024, 3, 2, 2, 0)),
        ("2024-03-01T10:30-00:30", datetime(2024, 3, 1, 11, 0)),
        ("2024-02-29T00:00+15:59", datetime(2024, 2, 28, 8, 1)),
        (datetime(2024, 3, 1, 10, 0, 0, 1), datetime(2024, 3, 1, 10, 0, 0, 1)),
        (datetime(2024, 3, 1, 10, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 3, 1, 8)),
        (datetime(2024, 3, 1, 10, tzinfo=UTC), datetime(2024, 3, 1, 10)),
        ("2023-02-29", None),
        ("2024-03-01T24:00", None),
        ("2024-03-01T23:59:60", None),
        ("2024-03-01T10", None),
        ("2024-03-01T10:30+16:00", None),
        ("2024-03-01T10:30+01:60", None),
        ("2024-03-01  10:30", None),
        ("2024-03-01T10:30.5", None),
        ("2024-03-01Z", None),
        ("2024-3-1", None),
        ("0000-01-01", None),
        ("0000-12-31T23:59-01:00", None),
        ("0001-01-01T00:00+00:01", None),
        ("9999-12-31T23:59-00:01", None),
        ("٢٠٢٤-03-01", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1709287200, None),
    ],
)
def test_a_time_is_read_or_not(text: object, expected: datetime | None) -> None:
    assert read_time(text) == expected


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ({"loaded_at": "2024-03-01T13:00", "step_id": "x"}, {"loaded_at": "2024-03-01T12:00", "step_id": "y"}, "y"),
        ({"loaded_at": "2024-03-01T13:00", "step_id": "x"}, {"occurred_at": "2024-03-01T11:00", "step_id": "y"}, "x"),
        ({"occurred_at": "2024-03-01T12:00", "step_id": "x"}, {"occurred_at": "2024-03-01T11:00", "step_id": "y"}, "y"),
        ({"step_id": "x"}, {"step_id": "X"}, "X"),
        ({"step_id": "x", "journey_instance_id": "i"}, {"step_id": "y", "journey_instance_id": None}, "x"),
        ({"user_id": "a", "step_id": "y"}, {"user_id": "b", "step_id": "x"}, "y"),
        ({"journey_instance_id": None, "step_id": "x"}, {"step_id": "x", "journey_instance_id": "i"}, "x"),
        ({"occurred_at": "?", "loaded_at": "2024-02-01", "step_id": "x"}, {"step_id": "y"}, "y"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_first_loaded_of_one_event_id_is_the_event(first: Row, second: Row, winner: str, turned: bool) -> None:
    base = SENT | {"event_id": "m", "loaded_at": "2024-03-01T14:00"}
    rows = [base | first, base | second | {"event_id": " m "}]
    facts = gather(world(*(rows[::-1] if turned else rows)), CHANNEL_METRICS)
    assert [event.step_id for event in facts.events] == [winner]


def test_a_null_comes_last_among_equal_redeliveries() -> None:
    rows = [SENT | {"event_id": "m", "outcome": outcome} for outcome in (None, "b", "c")]
    assert [event.outcome for event in gather(world(*rows), CHANNEL_METRICS).events] == ["b"]


def test_the_two_event_tables_may_use_the_same_id() -> None:
    raw = world(journey(), ENTERED | {"event_id": "e"}, action("purchase", "2024-03-01T13:00", event_id="e"))
    tables = publish(raw, CHANNEL_METRICS)
    assert tables["journey_overview"][0]["converted_users"] == 1
    assert [row["duplicate_rows"] for row in tables["load_reconciliation"]] == [0, 0]


def test_raw_rows_are_accepted_duplicate_or_rejected() -> None:
    bad = SENT | {"occurred_at": " ? ", "event_type": " Message_Sent", "step_id": "s "}
    tables = publish(world(SENT, SENT, bad, bad, QUIET), CHANNEL_METRICS)
    assert tables["load_reconciliation"] == [
        {"raw_table": "journey_events", "raw_rows": 4, "accepted_rows": 1, "duplicate_rows": 1, "rejected_rows": 2},
        {"raw_table": "user_events", "raw_rows": 1, "accepted_rows": 1, "duplicate_rows": 0, "rejected_rows": 0},
    ]
    expected = {
        "raw_table": "journey_events", "reason": "unreadable_time", "event_id": SENT["event_id"], "user_id": "u",
        "journey_id": "j", "event_type_or_name": "message_sent", "step_id": "s", "occurred_at_raw": " ? ",
        "loaded_at": datetime(2024, 3, 1, 12),
    }  # fmt: skip
    assert tables["rejected_events"] == [expected, expected]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2030, 1, 1), "2030-01-01 00:00:00"),
        (datetime(2030, 1, 1, 0, 0, 0, 500000), "2030-01-01 00:00:00.5"),
        (" 2030-01-01T00:00Z", " 2030-01-01T00:00Z"),
    ],
)
def test_a_rejected_time_is_shown_as_it_came(value: object, text: str) -> None:
    [row] = table("rejected_events", action("Purchase", "?", occurred_at=value, loaded_at="2024-01-01"))
    assert picked(row, "reason event_type_or_name occurred_at_raw journey_id step_id") == {
        "reason": "from_the_future", "event_type_or_name": "purchase", "occurred_at_raw": text, "journey_id": None,
        "step_id": None,
    }  # fmt: skip


def test_no_rows_at_all_publish_every_table() -> None:
    tables = publish({}, CHANNEL_METRICS)
    assert {name: len(rows) for name, rows in tables.items() if rows} == {"load_reconciliation": 2}
    assert tables.keys() == COLUMNS.keys()


# --- definitions ------------------------------------------------------------------------------------------------------


def test_a_later_loaded_definition_changes_the_whole_journey() -> None:
    rows = [ENTERED, EXITED, action("sign_up", "2024-03-01T18:30"), QUIET]
    revised = journey("sign_up", 30, loaded="2024-06-01", journey_name=None)
    row = overview(revised, journey(), *rows)
    assert picked(row, "journey_name conversion_event_name attribution_window_minutes converted_users") == {
        "journey_name": None, "conversion_event_name": "sign_up", "attribution_window_minutes": 30,
        "converted_users": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ({"loaded_at": None, "journey_name": "a"}, {"loaded_at": "0001-01-02", "journey_name": "b"}, "b"),
        ({"journey_name": "a"}, {"journey_name": "b"}, "a"),
        ({"journey_name": "a"}, {"journey_name": None}, "a"),
        ({"journey_name": "b", "journey_id": " j "}, {"journey_name": "a", "journey_id": "j\t"}, "a"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_choice_among_definitions_does_not_depend_on_their_order(
    first: Row, second: Row, name: str, turned: bool
) -> None:
    rows = [journey() | first, journey() | second]
    assert overview(*(rows[::-1] if turned else rows))["journey_name"] == name


def test_definitions_without_a_key_define_nothing() -> None:
    tables = publish(
        world(journey(journey_id=" "), step(" ", "email"), step("s", "email", journey_id=None)), CHANNEL_METRICS
    )
    assert tables["journey_overview"] == tables["journey_step_channel_metrics"] == []


def test_a_step_defined_in_a_journey_that_is_not_has_only_a_step_row() -> None:
    tables = publish(world(step("s", " E-Mail ")), CHANNEL_METRICS)
    assert tables["journey_overview"] == []
    [row] = tables["journey_step_channel_metrics"]
    assert picked(row, "journey_name step_name step_type step_position entry_count") == {
        "journey_name": None, "step_name": "Hello", "step_type": "e-mail", "step_position": 1, "entry_count": 0,
    }  # fmt: skip


# --- steps ------------------------------------------------------------------------------------------------------------


def messages(kind: str, count: int, platform: str | None = None) -> list[Row]:
    name = f"message_{kind}"
    return [
        event(name, "2024-03-01", step_id="s", platform=platform, event_id=f"{kind}{platform}{n}") for n in range(count)
    ]


EIGHT = messages("sent", 8) + messages("failed", 2) + messages("shown", 4) + messages("clicked", 2)


@pytest.mark.parametrize(
    ("step_type", "sent", "failed", "shown", "clicked", "failed_pct", "shown_pct", "clicked_pct", "splits"),
    [
        (" Mobile_PUSH ", 8, 2, None, 2, 20.0, None, 25.0, True),
        ("Email", 8, 2, 4, 2, 20.0, 50.0, 25.0, False),
        ("sms", 8, 2, None, None, 20.0, None, None, False),
        ("in_app", None, None, 4, 2, None, None, None, False),
        ("custom", 8, 2, 4, 2, 20.0, 50.0, 25.0, False),
        ("pigeon", 8, 2, 4, 2, 20.0, 50.0, 25.0, False),
        (None, 8, 2, 4, 2, 20.0, 50.0, 25.0, False),
    ],
)
def test_a_step_has_the_metrics_of_its_type(
    step_type: str | None, sent: int | None, failed: int | None, shown: int | None, clicked: int | None,
    failed_pct: float | None, shown_pct: float | None, clicked_pct: float | None, splits: bool,
) -> None:  # fmt: skip
    tables = publish(world(step("s", step_type), *EIGHT), CHANNEL_METRICS)
    [row] = tables["journey_step_channel_metrics"]
    counts = {"sent_count": sent, "failed_count": failed, "shown_count": shown, "clicked_count": clicked}
    rates = {"failed_pct": failed_pct, "shown_pct": shown_pct, "clicked_pct": clicked_pct}
    assert picked(row, " ".join([*counts, *rates])) == counts | rates
    assert {row[metric] is not None for metric in PLATFORM_METRICS} == {splits}
    listed = {user["metric"]: user["event_count"] for user in tables["journey_metric_users"] if user["step_id"]}
    kinds = {"other_platform_sent_count": 8, "other_platform_failed_count": 2, "other_platform_clicked_count": 2}
    assert listed == {name: number for name, number in counts.items() if number} | (kinds if splits else {})


def test_platforms_are_compared_in_lower_case_and_any_other_word_is_other() -> None:
    rows = (
        messages("sent", 1, " Android") + messages("sent", 2, "IOS") + messages("sent", 3, "web") + messages("sent", 4)
    )
    [row] = table("journey_step_channel_metrics", step("s", "mobile_push"), *rows)
    assert picked(row, "android_sent_count ios_sent_count other_platform_sent_count sent_count") == {
        "android_sent_count": 1, "ios_sent_count": 2, "other_platform_sent_count": 7, "sent_count": 10,
    }  # fmt: skip


def test_rates_without_a_denominator_are_null() -> None:
    [row] = table("journey_step_channel_metrics", step("s", "email"), *messages("clicked", 1))
    assert picked(row, "failed_pct shown_pct clicked_pct") == dict.fromkeys(["failed_pct", "shown_pct", "clicked_pct"])


def test_users_can_extend_the_metrics() -> None:
    metrics = CHANNEL_METRICS | {("pigeon", "sent_count")}
    raw = world(step("s", "Pigeon"), *messages("sent", 1))
    [row] = publish(raw, metrics)["journey_step_channel_metrics"]
    assert picked(row, "sent_count failed_count entry_count") == {
        "sent_count": 1,
        "failed_count": None,
        "entry_count": None,
    }


def test_a_missing_outcome_has_a_name_and_outcomes_keep_their_case() -> None:
    outcomes = ["Yes", "yes", " yes ", None, "\t"]
    rows = [
        event("step_outcome", "2024-03-01", step_id="s", outcome=text, event_id=str(n))
        for n, text in enumerate(outcomes)
    ]
    found = {
        row["outcome"]: (row["outcome_count"], row["outcome_user_count"])
        for row in table("journey_step_outcomes", *rows)
    }
    assert found == {"Yes": (1, 1), "yes": (2, 1), "(none)": (2, 1)}


def test_visits_at_one_moment_are_ordered_by_id_and_may_follow_the_exit() -> None:
    rows = [ENTERED, event("journey_exited", "2024-03-01T12:30")]
    rows += [
        event("step_entered", "2024-03-01T13:00", step_id=name, event_id=number)
        for name, number in (("p", "2"), ("q", "1"))
    ]
    found = {
        (row["transition_kind"], row["from_step_id"], row["to_step_id"]): row["median_seconds"]
        for row in table("journey_step_transitions", *rows)
    }
    assert found == {("entry", None, "q"): 3600.0, ("step", "q", "p"): 0.0, ("exit", "p", None): -1800.0}


def test_transitions_count_moves_and_distinct_users() -> None:
    [row] = table("journey_step_transitions", RUN_1, RUN_2)
    assert picked(row, "transition_kind transition_count user_count median_seconds") == {
        "transition_kind": "waiting", "transition_count": 2, "user_count": 1, "median_seconds": None,
    }  # fmt: skip


def test_a_step_id_on_a_journey_level_event_gives_the_step_a_row_of_zeros() -> None:
    [row] = table("journey_step_channel_metrics", ENTERED | {"step_id": " s "})
    assert picked(row, "step_id entry_count entry_user_count sent_count") == {
        "step_id": "s", "entry_count": 0, "entry_user_count": 0, "sent_count": 0,
    }  # fmt: skip
    assert table("journey_step_flow", ENTERED | {"step_id": "s"}) == []


# --- one small world, every table -------------------------------------------------------------------------------------

SMALL = [
    journey(),
    step("s1", "mobile_push"),
    event("journey_entered", "2024-03-01T10:00", "a"),  # walks two steps, leaves, buys within the window
    event("step_entered", "2024-03-01T10:00", "a", step_id="s1"),
    event("message_sent", "2024-03-01T10:01", "a", step_id="s1", platform="android"),
    event("message_clicked", "2024-03-01T10:05", "a", step_id="s1", platform="android"),
    event("step_entered", "2024-03-01T11:00", "a", step_id="s2"),
    event("journey_exited", "2024-03-01T12:00", "a"),
    action("purchase", "2024-03-01T18:00", "a"),
    event("journey_entered", "2024-03-01T23:00", "b"),  # leaves after midnight, window still open
    event("step_entered", "2024-03-01T23:10", "b", step_id="s1"),
    event("message_failed", "2024-03-01T23:11", "b", step_id="s1", platform="ios"),
    event("journey_exited", "2024-03-02T01:00", "b"),
    event("journey_entered", "2024-03-02T09:00", "c"),  # still inside
    event("step_entered", "2024-03-02T09:30", "c", step_id="s2"),
    event("step_entered", "2024-03-02T10:00", "d", step_id="s1"),  # never entered the journey
    event("step_outcome", "2024-03-02T10:00", "d", step_id="s2", outcome="yes"),
    event("journey_entered", "2024-02-28T10:00", "e"),  # sees no step, window over
    event("journey_exited", "2024-02-28T11:00", "e"),
]


def as_tuples(rows: list[Row], columns: str) -> set[tuple[Any, ...]]:
    found = [tuple(row[column] for column in columns.split(", ")) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def test_every_table_of_a_small_world() -> None:
    tables = publish(world(*SMALL), CHANNEL_METRICS)
    found = {name: as_tuples(rows, COLUMNS[name]) for name, rows in tables.items()}

    def time(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
        return datetime(2024, month, day, hour, minute)

    feb_28, mar_1, mar_2 = date(2024, 2, 28), date(2024, 3, 1), date(2024, 3, 2)
    start_of_e = time(28, 10, month=2)
    assert found == {
        "journey_overview": {
            ("j", "Welcome", "purchase", 1440, 1, 4, 4, 1, 25.0, 2, 1, 1, 1, 1, 1, 1, 0, 0.0)
            + (start_of_e, time(2, 9), time(2, 10))
        },
        "journey_overview_daily": {
            ("j", feb_28, 0, 1, 1, 1, 0, 1),
            ("j", mar_1, 1, 2, 2, 2, 1, 0),
            ("j", mar_2, 0, 1, 1, 1, 0, 1),
        },
        "journey_entry_cohorts": {
            ("j", feb_28, 1, 0, 0.0, 1, 0, 0.0),
            ("j", mar_1, 2, 1, 50.0, 0, 0, None),
            ("j", mar_2, 1, 0, 0.0, 0, 0, None),
        },
        "journey_step_channel_metrics": {
            ("j", "Welcome", "s1", "Hello", "mobile_push", 1, 3, 3, 1, 1, None, 1)
            + (1, 0, 1, 0, 1, 0, 0, 0, 0, 50.0, None, 100.0),
            ("j", "Welcome", "s2", None, None, None, 2, 2, 0, 0, 0, 0) + (None,) * 12,
        },
        "journey_step_outcomes": {("j", "s2", "yes", 1, 1)},
        "journey_step_flow": {
            ("j", "s1", 3, 1, 1, 0, 1, 1, 100.0 / 3, 75.0, 3600.0),
            ("j", "s2", 2, 0, 1, 1, 0, 0, 0.0, 50.0, None),
        },
        "journey_step_transitions": {
            ("j", "entry", None, "s1", 2, 2, 300.0),
            ("j", "entry", None, "s2", 1, 1, 1800.0),
            ("j", "step", "s1", "s2", 1, 1, 3600.0),
            ("j", "exit", "s2", None, 1, 1, 3600.0),
            ("j", "exit", "s1", None, 1, 1, 6600.0),
            ("j", "exit", None, None, 1, 1, 3600.0),
            ("j", "waiting", "s2", None, 1, 1, None),
        },
        "journey_metric_users": {
            ("messages_sent", "j", None, None, "a", 1, time(1, 10, 1), time(1, 10, 1)),
            ("total_entries", "j", None, None, "a", 1, time(1, 10), time(1, 10)),
            ("total_entries", "j", None, None, "b", 1, time(1, 23), time(1, 23)),
            ("total_entries", "j", None, None, "c", 1, time(2, 9), time(2, 9)),
            ("total_entries", "j", None, None, "e", 1, start_of_e, start_of_e),
            ("converted_users", "j", None, None, "a", 1, time(1, 18), time(1, 18)),
            ("conversion_events", "j", None, None, "a", 1, time(1, 18), time(1, 18)),
            ("total_exits", "j", None, None, "b", 1, time(2, 1), time(2, 1)),
            ("total_exits", "j", None, None, "e", 1, time(28, 11, month=2), time(28, 11, month=2)),
            ("entry_count", "j", "s1", None, "a", 1, time(1, 10), time(1, 10)),
            ("entry_count", "j", "s1", None, "b", 1, time(1, 23, 10), time(1, 23, 10)),
            ("entry_count", "j", "s1", None, "d", 1, time(2, 10), time(2, 10)),
            ("entry_count", "j", "s2", None, "a", 1, time(1, 11), time(1, 11)),
            ("entry_count", "j", "s2", None, "c", 1, time(2, 9, 30), time(2, 9, 30)),
            ("sent_count", "j", "s1", None, "a", 1, time(1, 10, 1), time(1, 10, 1)),
            ("android_sent_count", "j", "s1", None, "a", 1, time(1, 10, 1), time(1, 10, 1)),
            ("clicked_count", "j", "s1", None, "a", 1, time(1, 10, 5), time(1, 10, 5)),
            ("android_clicked_count", "j", "s1", None, "a", 1, time(1, 10, 5), time(1, 10, 5)),
            ("failed_count", "j", "s1", None, "b", 1, time(1, 23, 11), time(1, 23, 11)),
            ("ios_failed_count", "j", "s1", None, "b", 1, time(1, 23, 11), time(1, 23, 11)),
            ("outcome_count", "j", "s2", "yes", "d", 1, time(2, 10), time(2, 10)),
            ("dropped_off_count", "j", "s1", None, "b", 1, time(1, 23, 10), time(1, 23, 10)),
            ("waiting_count", "j", "s2", None, "c", 1, time(2, 9, 30), time(2, 9, 30)),
        },
        "load_reconciliation": {("journey_events", 16, 16, 0, 0), ("user_events", 1, 1, 0, 0)},
        "rejected_events": set(),
    }


# --- identities -------------------------------------------------------------------------------------------------------


def total(rows: list[Row], column: str, **where: object) -> int:
    return sum(row[column] or 0 for row in rows if all(row[key] == value for key, value in where.items()))


def check_overview(tables: Raw) -> None:
    """Identities 1, 2 and 7."""
    for row in tables["journey_overview"]:
        where = {"journey_id": row["journey_id"]}
        states = [
            row[f"{state}_entries"] for state in ("converted", "exited_window_open", "exited_window_closed", "active")
        ]
        assert row["total_entries"] == sum(states)
        assert row["total_exits"] == states[1] + states[2]
        daily = tables["journey_overview_daily"]
        for column in ("messages_sent", "total_entries", "converted_users", "total_exits"):
            assert row[column] == total(daily, column, **where)
        assert row["entry_user_count"] == total(daily, "new_entry_user_count", **where)
        for column in ("entry_user_count", "converted_users", "matured_entry_user_count", "matured_converted_users"):
            assert row[column] == total(tables["journey_entry_cohorts"], column, **where)
        assert row["converted_users"] <= row["converted_entries"] <= row["conversion_events"]
        assert row["converted_users"] <= row["entry_user_count"] <= row["total_entries"]


def check_steps(tables: Raw) -> None:
    """Identities 3 and 4."""
    moves = tables["journey_step_transitions"]
    for row in tables["journey_step_channel_metrics"]:
        for kind in ("sent", "failed", "clicked") if row["step_type"] == "mobile_push" else ():
            split = [row[f"{platform}_{kind}_count"] for platform in ("android", "ios", "other_platform")]
            assert row[f"{kind}_count"] == sum(split)
    for row in tables["journey_step_flow"]:
        where = {"journey_id": row["journey_id"], "step_id": row["step_id"]}
        states = [row[f"{state}_count"] for state in ("continued", "exited", "waiting", "unmatched")]
        assert (
            row["entry_count"] == sum(states) == total(tables["journey_step_channel_metrics"], "entry_count", **where)
        )
        matched = row["entry_count"] - row["unmatched_count"]
        journey_id, step_id = row["journey_id"], row["step_id"]
        assert matched == total(moves, "transition_count", journey_id=journey_id, to_step_id=step_id)
        assert matched == total(moves, "transition_count", journey_id=journey_id, from_step_id=step_id)
    for row in tables["journey_overview"]:
        where = {"journey_id": row["journey_id"]}
        first = total(moves, "transition_count", transition_kind="entry", **where)
        for kind in ("exit", "waiting"):
            first += total(moves, "transition_count", transition_kind=kind, from_step_id=None, **where)
        assert first == row["total_entries"]


def check_metric_users(tables: Raw) -> None:
    """Identity 5, both ways: the user list gives every published number, and nothing else."""
    events: Counter[tuple[Any, ...]] = Counter()
    users: Counter[tuple[Any, ...]] = Counter()
    for row in tables["journey_metric_users"]:
        key = tuple(row[column] for column in ("metric", "journey_id", "step_id", "outcome"))
        assert row["event_count"] > 0
        assert row["first_at"] <= row["last_at"]
        events[key] += row["event_count"]
        users[key] += 1
    published: Counter[tuple[Any, ...]] = Counter()
    people: dict[tuple[Any, ...], int] = {}
    for row in tables["journey_overview"]:
        for metric in ("messages_sent", "total_entries", "converted_users", "conversion_events", "total_exits"):
            published[metric, row["journey_id"], None, None] = row[metric]
        people["total_entries", row["journey_id"], None, None] = row["entry_user_count"]
        people["converted_users", row["journey_id"], None, None] = row["converted_users"]
    for row in tables["journey_step_channel_metrics"]:
        for metric in row:
            if metric.endswith("_count") and metric != "entry_user_count":
                published[metric, row["journey_id"], row["step_id"], None] = row[metric] or 0
        people["entry_count", row["journey_id"], row["step_id"], None] = row["entry_user_count"]
    for row in tables["journey_step_flow"]:
        for metric in ("dropped_off_count", "waiting_count"):
            published[metric, row["journey_id"], row["step_id"], None] = row[metric]
    for row in tables["journey_step_outcomes"]:
        key = ("outcome_count", row["journey_id"], row["step_id"], row["outcome"])
        published[key], people[key] = row["outcome_count"], row["outcome_user_count"]
    assert events == +published
    assert {key: users[key] for key in people} == people


def check_reconciliation(tables: Raw) -> None:
    """Identity 6."""
    for row in tables["load_reconciliation"]:
        assert row["raw_rows"] == row["accepted_rows"] + row["duplicate_rows"] + row["rejected_rows"]
        assert row["rejected_rows"] == sum(bad["raw_table"] == row["raw_table"] for bad in tables["rejected_events"])


@pytest.mark.parametrize("check", [check_overview, check_steps, check_metric_users, check_reconciliation])
def test_the_identities_hold_in_random_worlds(check: Callable[[Raw], None]) -> None:
    for seed in range(200):
        check(publish(make_world(seed), CHANNEL_METRICS))


def test_every_row_has_exactly_the_documented_columns() -> None:
    for seed in range(50):
        for name, rows in publish(make_world(seed), CHANNEL_METRICS).items():
            assert all(row.keys() == set(COLUMNS[name].split(", ")) for row in rows)


def test_nothing_depends_on_the_order_of_rows() -> None:
    for seed in range(50):
        raw = make_world(seed)
        turned = {name: Random(seed).sample(rows, len(rows)) for name, rows in raw.items()}
        before, after = publish(raw, CHANNEL_METRICS), publish(turned, CHANNEL_METRICS)
        assert {name: sorted(map(repr, rows)) for name, rows in before.items()} == {
            name: sorted(map(repr, rows)) for name, rows in after.items()
        }


# --- the worlds hold every mess they promise --------------------------------------------------------------------------

REASONS = {
    "journey_events": "event_id user_id journey_id step_id loaded_at",
    "user_events": "event_id user_id event_name loaded_at",
}
EXPECTED_FEATURES = {
    *(f"{name}: missing_{column}" for name, columns in REASONS.items() for column in columns.split()),
    *(f"{name}: {reason}" for name in REASONS for reason in ("unreadable_time", "from_the_future")),
    "journey_events: unknown_event_type",
    *(
        f"{name}: {mess}"
        for name in COLUMN_TYPES
        for mess in ("no rows", "exact copy", "null loaded_at", "blanks around")
    ),
    *(f"{name}: without {column}" for name, columns in OPTIONAL_COLUMNS.items() for column in columns),
    *(f"{name}: {kind} times" for name in REASONS for kind in ("text", "native", "mixed")),
    *(f"{name}: tab" for name in REASONS),
    *(f"id {odd_id[:30]!r}" for odd_id in ODD_IDS),
    *(f"time {form}" for form in ("Z", "z", "+HH", "+HHMM", "+HH:MM", "-HH", "-HHMM", "-HH:MM")),
    *(f"unreadable {value!r}" for value in UNREADABLE_TIMES),
    *(f"time {form}" for form in ("T", "t", "blank", "date", "no seconds", "comma", "cut", "blank before offset")),
    *(f"state {state}" for state in ("converted", "active", "exited_window_open", "exited_window_closed")),
    *(
        f"visit {state}"
        for state in ("continued", "exited", "waiting", "unmatched", "dropped off", "exited, converted")
    ),
    *(f"transition {kind}" for kind in ("entry", "step", "exit", "waiting", "stepless exit", "stepless waiting")),
    *(
        f"odd case {column}"
        for column in ("event_type", "event_name", "step_type", "platform", "conversion_event_name")
    ),
    *(f"step type {kind}" for kind in (*ALL_TYPES[:-1], "whatsapp", None)),
    *(f"redelivered {how}" for how in ("with other content", "at another time", "at the same moment", "later")),
    *(f"{what} without definition" for what in ("journey", "step")),
    *(f"revised {what}" for what in ("conversion event", "window", "step type", "at the same moment")),
    *(f"window {minutes}" for minutes in ("null", "negative", "endless")),
    *(f"purchase {edge} the window end" for edge in ("at", "before", "after")),
    *(f"purchase {edge} the entry" for edge in ("at", "before", "after")),
    *(f"completeness {edge} the window end" for edge in ("at", "before", "after")),
    *(f"clock skew {edge} the limit" for edge in ("at", "before", "after")),
    *(f"outcome {outcome}" for outcome in ("yes", "Yes", "(none)", "🎉")),
    "no conversion event",
    "matured converted user",
    "matured unconverted user",
    "converted user not matured",
    "journey defined without events",
    "definition without key",
    "re-entry",
    "entries at one moment",
    "overlapping runs with instances",
    "overlapping runs without instances",
    "instance decides",
    "instance of no entry",
    "instance of a later entry",
    "exit before entry",
    "several exits",
    "visit after exit",
    "visits at one moment",
    "trigger blocks",
    "trigger of a later entry converts an earlier",
    "trigger unknown",
    "valid for several",
    "too late for the latest, in time for an earlier",
    "several conversions",
    "first conversion in a later entry",
    "conversions at one moment",
    "converted in two entries",
    "same id in both event tables",
    "rejected first, then accepted",
    "tie broken by time",
    "tie broken by content",
}
NEIGHBOURS = {timedelta(0): "at", timedelta(microseconds=-1): "before", timedelta(microseconds=1): "after"}


def edge(what: str, where: str, distance: timedelta) -> set[str]:
    return {f"{what} {NEIGHBOURS[distance]} the {where}"} if distance in NEIGHBOURS else set()


def text_features(text: str) -> set[str]:
    """The forms of an accepted time that a text shows."""
    found: set[str] = set()
    text = text.strip()
    if len(text) == 10:
        return {"time date"}
    day_end, clock = text[10], text[11:]
    found.add("time " + ("blank" if day_end == " " else day_end))
    if " " in clock:
        found.add("time blank before offset")
    if "," in clock:
        found.add("time comma")
    local = clock.rstrip("Zz")
    sign = next((mark for mark in "+-" if mark in clock), None)
    if local != clock:
        found.add("time " + clock[-1])
    if sign is not None:
        local, offset = clock.split(sign)
        found.add(f"time {sign}" + {2: "HH", 4: "HHMM", 5: "HH:MM"}[len(offset)])
    fraction = local.strip().replace(",", ".").partition(".")[2]
    if len(fraction) > 6:
        found.add("time cut")
    if len(local.strip()) == 5:
        found.add("time no seconds")
    return found


def raw_features(raw: Raw) -> set[str]:
    """What the raw rows show before any rule is applied."""
    found: set[str] = set()
    for name, rows in raw.items():
        found |= {f"{name}: no rows"} if not rows else set()
        copies = Counter(tuple(row.items()) for row in rows)
        found |= {f"{name}: exact copy"} if any(count > 1 for count in copies.values()) else set()
        for column in OPTIONAL_COLUMNS[name]:
            found |= {f"{name}: without {column}"} if rows and not any(column in row for row in rows) else set()
        kinds = {type(row["occurred_at"]) for row in rows if row.get("occurred_at") is not None}
        if kinds:
            kind = "mixed" if len(kinds) > 1 else "native" if kinds == {datetime} else "text"
            found.add(f"{name}: {kind} times")
        for row in rows:
            found |= {f"{name}: null loaded_at"} if row["loaded_at"] is None else set()
            for column, value in row.items():
                if isinstance(value, str) and value != value.strip() != "":
                    found.add(f"{name}: blanks around")
                    found |= {f"{name}: tab"} if "\t" in value and column.endswith("_id") else set()
                words = ("event_type", "event_name", "step_type", "platform", "conversion_event_name")
                if isinstance(value, str) and column in words and value != value.lower():
                    found.add(f"odd case {column}")
                if isinstance(value, str) and column.endswith("_id"):
                    found |= {f"id {odd_id[:30]!r}" for odd_id in ODD_IDS if value.strip(" \t\n\r\v\f") == odd_id}
            if isinstance(row.get("occurred_at"), str) and read_time(row["occurred_at"]) is not None:
                found |= text_features(row["occurred_at"])
            occurred_at, loaded_at = read_time(row.get("occurred_at")), row["loaded_at"]
            found |= {f"unreadable {row.get('occurred_at')!r}"} if occurred_at is None else set()
            if occurred_at is not None and loaded_at is not None:
                found |= edge("clock skew", "limit", occurred_at - loaded_at - timedelta(hours=1))
    ids = [{str(row["event_id"]).strip() for row in raw[name]} for name in REASONS]
    found |= {"same id in both event tables"} if ids[0] & ids[1] - {"", "None"} else set()
    return found | redelivery_features(raw) | definition_features(raw)


def redelivery_features(raw: Raw) -> set[str]:
    found: set[str] = set()
    by_id: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for name in REASONS:
        for row in raw[name]:
            if (row["event_id"] or "").strip() and row["loaded_at"] is not None:
                by_id[name, row["event_id"].strip()].append(row)
    for rows in by_id.values():
        rows.sort(key=lambda row: (row["loaded_at"], repr(row)))
        for one, other in itertools.pairwise(rows):
            times = read_time(one["occurred_at"]), read_time(other["occurred_at"])
            user_ids = [(row["user_id"] or "").strip() for row in (one, other)]
            found.add(
                "redelivered at the same moment" if one["loaded_at"] == other["loaded_at"] else "redelivered later"
            )
            if times[0] is None and times[1] is not None:
                found.add("rejected first, then accepted")
            elif times[0] != times[1]:
                found.add("redelivered at another time")
            if user_ids[0] != user_ids[1]:
                found.add("redelivered with other content")
            if one["loaded_at"] == other["loaded_at"] and None not in times:
                found |= {"tie broken by time"} if times[0] != times[1] else set()
                found |= {"tie broken by content"} if times[0] == times[1] and user_ids[0] != user_ids[1] else set()
    return found


def definition_features(raw: Raw) -> set[str]:
    found: set[str] = set()
    for name, key in (("journeys", ["journey_id"]), ("journey_steps", ["journey_id", "step_id"])):
        versions: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in raw[name]:
            versions[tuple((row[column] or "").strip() for column in key)].append(row)
        for key_values, rows in versions.items():
            found |= {"definition without key"} if "" in key_values else set()
            if len({row["loaded_at"] for row in rows}) < len(rows) and len({str(row) for row in rows}) > 1:
                found.add("revised at the same moment")
            for column, what in (("conversion_event_name", "conversion event"), ("step_type", "step type")):
                words = {(row[column] or "").strip().lower() for row in rows if column in row}
                found |= {f"revised {what}"} if len(words) > 1 else set()
            windows = {row["attribution_window_minutes"] for row in rows if name == "journeys"}
            found |= {"revised window"} if len(windows) > 1 else set()
            kinds = {None: "null", -60: "negative", 2147483647: "endless"}
            found |= {f"window {kind}" for minutes, kind in kinds.items() if minutes in windows}
    return found


def published_features(facts: Facts, tables: Raw) -> set[str]:
    found = {f"{row['raw_table']}: {row['reason']}" for row in tables["rejected_events"]}
    found |= {f"state {entry.state}" for entry in facts.entries}
    found |= {f"visit {visit.state}" for visit in facts.visits}
    found |= {
        "visit dropped off" if visit.is_dropped_off else "visit exited, converted"
        for visit in facts.visits
        if visit.state == "exited"
    }
    for row in tables["journey_step_transitions"]:
        found.add(f"transition {row['transition_kind']}")
        if row["from_step_id"] is None:
            found.add(f"transition stepless {row['transition_kind']}")
    found |= {f"outcome {row['outcome']}" for row in tables["journey_step_outcomes"]}
    found |= {f"step type {row['step_type']}" for row in tables["journey_step_channel_metrics"]}
    for row in tables["journey_overview"]:
        found |= (
            {"no conversion event"}
            if row["conversion_event_name"] is None and row["journey_id"] in facts.journeys
            else set()
        )
        found |= {"journey without definition"} if row["journey_id"] not in facts.journeys else set()
        found |= {"journey defined without events"} if row["total_entries"] == row["messages_sent"] == 0 else set()
        found |= {"matured converted user"} if row["matured_converted_users"] else set()
        found |= (
            {"matured unconverted user"} if row["matured_entry_user_count"] > row["matured_converted_users"] else set()
        )
        found |= {"converted user not matured"} if row["converted_users"] > row["matured_converted_users"] else set()
    found |= {"step without definition" for event in facts.events if event.step_id and event.step not in facts.steps}
    return found


def pair_features(facts: Facts, entries: list[Entry]) -> set[str]:
    """What happens between the entries of one user in one journey."""
    found: set[str] = set()
    journey_id, user_id = entries[0].event.pair
    definition = facts.journeys.get(journey_id, {})
    window = definition.get("attribution_window_minutes") or 0
    entered = [entry.event for entry in entries]
    found |= {"re-entry"} if len(entered) > 1 else set()
    found |= {"entries at one moment"} if len({event.occurred_at for event in entered}) < len(entered) else set()
    for one, other in itertools.pairwise(entries):
        if one.exited_at is None or one.exited_at > other.event.occurred_at:
            instances = one.event.journey_instance_id, other.event.journey_instance_id
            found |= (
                {"overlapping runs with instances"} if None not in instances and len(set(instances)) == 2 else set()
            )
            found |= {"overlapping runs without instances"} if instances == (None, None) else set()
    for entry in entries:
        found |= entry_features(facts, entry, window)
    for event in (
        event for event in facts.events if event.pair == (journey_id, user_id) and event.name != "journey_entered"
    ):
        earlier = [entry for entry in entered if entry.occurred_at <= event.occurred_at]
        found |= {"exit before entry"} if event.name == "journey_exited" and not earlier else set()
        if earlier and event.journey_instance_id is not None:
            known = {entry.journey_instance_id for entry in entered}
            begun = {entry.journey_instance_id for entry in earlier}
            found |= {"instance decides"} if owner(event, entered) != max(earlier, key=by_time) else set()
            found |= {"instance of no entry"} if event.journey_instance_id not in known else set()
            found |= {"instance of a later entry"} if event.journey_instance_id in known - begun else set()
    exits = [event for event in facts.events if event.pair == (journey_id, user_id) and event.name == "journey_exited"]
    owners = Counter(own.event_id for event in exits if (own := owner(event, entered)) is not None)
    found |= {"several exits"} if max(owners.values(), default=0) > 1 else set()
    conversions = [event for entry in entries for event in entry.conversions]
    found |= (
        {"conversions at one moment"} if len({event.occurred_at for event in conversions}) < len(conversions) else set()
    )
    converted = [entry for entry in entries if entry.conversions]
    found |= {"converted in two entries"} if len(converted) > 1 else set()
    found |= {"first conversion in a later entry"} if converted and not entries[0].conversions else set()
    names = {definition.get("conversion_event_name")} - {None}
    for act in (act for act in facts.user_events if act.user_id == user_id and act.name in names):
        found |= credit_features(act, entries, window)
    return found


def entry_features(facts: Facts, entry: Entry, window: int) -> set[str]:
    found: set[str] = set()
    found |= {"several conversions"} if len(entry.conversions) > 1 else set()
    if entry.exited_at is not None and facts.data_complete_at is not None:
        late = facts.data_complete_at - entry.exited_at - timedelta(minutes=window)
        found |= edge("completeness", "window end", late)
        found |= {"visit after exit" for visit in entry.visits if visit.occurred_at > entry.exited_at}
    moments = [visit.occurred_at for visit in entry.visits]
    found |= {"visits at one moment"} if len(set(moments)) < len(moments) else set()
    known = {event.event_id for event in facts.user_events}
    trigger = entry.event.trigger_event_id
    return found | ({"trigger unknown"} if trigger is not None and trigger not in known else set())


def credit_features(act: Event, entries: list[Entry], window: int) -> set[str]:
    """How a user event with the conversion event's name meets the entries."""
    found: set[str] = set()
    valid = [entry for entry in entries if can_convert(act, entry.event, entry.exited_at, window)]
    begun = [entry for entry in entries if entry.event.occurred_at <= act.occurred_at]
    found |= {"valid for several"} if len(valid) > 1 else set()
    for entry in entries:
        found |= edge("purchase", "entry", act.occurred_at - entry.event.occurred_at)
        if entry.exited_at is not None:
            found |= edge("purchase", "window end", act.occurred_at - entry.exited_at - timedelta(minutes=window))
        found |= {"trigger blocks"} if entry in begun and entry.event.trigger_event_id == act.event_id else set()
    if valid and valid[-1] != begun[-1]:
        is_trigger = begun[-1].event.trigger_event_id == act.event_id
        found.add(
            "trigger of a later entry converts an earlier"
            if is_trigger
            else "too late for the latest, in time for an earlier"
        )
    return found


def features(raw: Raw) -> set[str]:
    facts = gather(raw, CHANNEL_METRICS)
    found = raw_features(raw) | published_features(facts, publish(raw, CHANNEL_METRICS))
    pairs: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in facts.entries:
        pairs[entry.event.pair].append(entry)
    return found.union(*(pair_features(facts, entries) for entries in pairs.values()))


def test_the_worlds_hold_every_mess_they_promise() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        seen.update(features(make_world(seed)))
    rare = {feature: seen[feature] for feature in EXPECTED_FEATURES if seen[feature] < 3}
    assert rare == {}


def test_a_seed_always_gives_the_same_world() -> None:
    assert make_world(7) == make_world(7)
    assert make_world(7) != make_world(8)
    assert sum(map(len, make_world(7, size=60).values())) > 3 * sum(map(len, make_world(7, size=12).values()))


def test_batches_are_the_world_and_no_row_comes_more_than_72_hours_late() -> None:
    empty = late = exact = overtaken = 0
    for seed in range(100):
        raw = make_world(seed)
        batches = split_into_batches(raw, seed, 5)
        assert len(batches) == 5
        newest: datetime | None = None
        earliest: dict[str, datetime] = {}
        for batch in batches:
            rows = [row for rows in batch.values() for row in rows]
            times = [row["loaded_at"] for row in rows if isinstance(row["loaded_at"], datetime)]
            delays = [newest - time for time in times if newest is not None]
            assert all(delay <= timedelta(hours=72) for delay in delays)
            empty += not rows
            late += any(delay > timedelta(0) for delay in delays)
            exact += timedelta(hours=72) in delays
            known = dict(earliest)
            for row in batch["journey_events"]:
                if isinstance(row["loaded_at"], datetime) and (event_id := str(row["event_id"] or "").strip()):
                    overtaken += event_id in known and row["loaded_at"] < known[event_id]
                    earliest[event_id] = min(row["loaded_at"], earliest.get(event_id, datetime.max))
            newest = max([*times, *([newest] if newest else [])], default=None)
        for name, rows in raw.items():
            assert Counter(map(repr, rows)) == Counter(repr(row) for batch in batches for row in batch[name])
    assert min(empty, late, exact, overtaken) > 0


@pytest.mark.parametrize("seed", range(12))
def test_parquet_files_say_what_the_rows_say(seed: int, tmp_path: Path) -> None:
    raw = make_world(seed)
    folder = tmp_path / "it's raw"
    write_parquet(raw, folder, "one")
    with duckdb.connect() as connection:
        for name, rows in raw.items():
            file = folder / name / "one.parquet"
            assert file.exists() == bool(rows)
            if not rows:
                continue
            relation = connection.read_parquet(str(file))
            types = dict(zip(relation.columns, map(str, relation.types), strict=False))
            kinds = {type(row.get("occurred_at")) for row in rows} - {type(None)}
            expected = {
                column: kind for column, kind in COLUMN_TYPES[name].items() if any(column in row for row in rows)
            }
            assert types == expected | ({"occurred_at": "TIMESTAMP"} if kinds == {datetime} else {})
            found = Counter(repr(tuple(values)) for values in relation.fetchall())
            text_only = kinds != {datetime}
            assert found == Counter(
                repr(
                    tuple(
                        as_stored(row.get(column)) if column == "occurred_at" and text_only else row.get(column)
                        for column in types
                    )
                )
                for row in rows
            )


def as_stored(value: object) -> object:
    """A native time in a file whose times are text."""
    return str(value).rstrip("0") if isinstance(value, datetime) and value.microsecond else value and str(value)
