"""Write the sample data, and beside it the answers it must give.

\b
    python scripts/generate_sample.py            rewrite seeds/sample/*.csv and tests/python/planted_truth.json
    python scripts/generate_sample.py --check    write nothing; exit 1 and name the files that are stale

The sample is a set of stories (scripts/tell_story.py has their language), each of which declares what it counts as.
The planted truth adds these declarations up; it knows none of the rules, so it can test them.
Nothing is random: background users follow a fixed cycle. User ids are numbers, not people.
"""

import csv
import io
import json
import sys
from collections.abc import Iterable
from datetime import datetime

import click
from plant_truth import Rows, known_answers
from project import PROJECT
from tell_story import DAY, HOUR, MICROSECOND, MINUTE, NOW, Row, Run, Sample, stamp

TRUTH = "tests/python/planted_truth.json"
DATA_COMPLETE_AT = datetime(2026, 2, 27, 12)  # rows loaded later are rejected or duplicates
AFTER_ALL_OTHERS = "2026-02-28 12:00:00.000000"

COLUMNS = {
    "journeys": "journey_id journey_name conversion_event_name attribution_window_minutes loaded_at",
    "journey_steps": "journey_id step_id step_name step_type step_position loaded_at",
    "journey_events": "event_id journey_id user_id event_type step_id journey_instance_id trigger_event_id platform "
    "outcome exit_reason occurred_at loaded_at",
    "user_events": "event_id user_id event_name revenue properties occurred_at loaded_at",
}
# The definitions in force: name, conversion event, window in minutes. Journey spring_sale has none.
JOURNEYS: dict[str, tuple[str, str | None, int | None]] = {
    "welcome": ("Welcome", "account_funded", 1440),
    "cart_recovery": ("Cart recovery", "order_placed", 120),
    "loan_application": ("Loan application", "loan_disbursed", 10080),
    "win_back": ("Win-back", "order_placed", None),
    "policy_notice": ("Policy notice, never run", None, None),
}
# Name, type, position.
STEPS: dict[tuple[str, str], tuple[str | None, str | None, int | None]] = {
    ("welcome", "hello_push"): ("Hello", "mobile_push", 1),
    ("welcome", "wait_a_day"): ("Wait a day", "wait", 2),
    ("welcome", "tips_email"): ('Five tips, the "good" ones', "email", 3),
    ("welcome", "profile_card"): ("Your profile", "in_app", 4),
    ("cart_recovery", "nudge_push"): ("Nudge", "mobile_push", 1),
    ("cart_recovery", "has_coupon"): ("Has a coupon?", "branch", 2),
    ("cart_recovery", "coupon_sms"): ("Coupon", "sms", 3),
    ("cart_recovery", "last_call"): ("Last call", "email", 4),
    ("loan_application", "eligibility"): ("Eligibility check", "custom", 1),
    ("loan_application", "documents"): ("Documents", "custom", 2),
    ("loan_application", "kyc_call"): ("Call", "phone_call", 3),
    ("loan_application", "offer_push"): ("Your offer", "mobile_push", 4),
    ("loan_application", "on_hold"): (None, None, None),
    ("win_back", "miss_you"): ("We miss you", "email", 1),
    ("win_back", "gift_card"): ("Gift", "in_app", 2),
    ("win_back", "last_call"): ("Last call", "sms", 3),
    ("policy_notice", "notice"): ("Notice", "email", 1),
}
PHONES = ("android", "ios", "android", "ios", "web")


def define(s: Sample) -> None:
    """Write the definitions; one journey and one step were defined otherwise before, in either order of the rows."""
    first, later = "2026-01-01 12:00:00.000000", "2026-01-20 12:00:00.000000"
    old_journey = ("cart_recovery", "Basket reminder", "checkout_started", "60", first)
    old_step = ("cart_recovery", "last_call", "Final call", "sms", "9", first)
    s.rows["journeys"].append(dict(zip(COLUMNS["journeys"].split(), old_journey, strict=True)))
    for journey, (name, event, window) in JOURNEYS.items():
        row: Row = {"journey_id": journey, "journey_name": name, "conversion_event_name": event}
        if journey == "loan_application":
            row |= {"journey_name": f" {name} ", "conversion_event_name": " Loan_Disbursed"}
        row |= {"attribution_window_minutes": None if window is None else str(window)}
        s.rows["journeys"].append(row | {"loaded_at": later if journey in ("cart_recovery", "win_back") else first})
    for (journey, step), (step_name, kind, position) in STEPS.items():
        row = {"journey_id": journey, "step_id": step, "step_name": step_name}
        row |= {"step_type": kind.upper() if kind and journey == "win_back" else kind}
        row |= {"step_position": None if position is None else str(position)}
        s.rows["journey_steps"].append(row | {"loaded_at": later if step == "last_call" else first})
    s.rows["journey_steps"].append(dict(zip(COLUMNS["journey_steps"].split(), old_step, strict=True)))


def tell_welcome(s: Sample) -> None:
    """Conversion is account_funded, up to 24 hours after the exit."""
    # When a conversion counts.
    run = s.enters("u001", "welcome", "01-05 09:00", "funds 6 hours after the exit, the window is 24 hours: counted")
    run.visits("hello_push").sent("android").clicked("android").exits()
    run.does("account_funded", 6 * HOUR, "first conversion", revenue="120.50").counts_as("converted")

    run = s.enters("u002", "welcome", "01-05 10:00", "funds 2 days after the exit: not counted")
    run.visits("hello_push").sent("ios").exits().does("account_funded", 2 * DAY, revenue="80").counts_as("closed")

    run = s.enters("u003", "welcome", "01-05 11:00", "funds three times, inside and after: a user counts once")
    run.visits("hello_push").sent("ios").does("account_funded", HOUR, "first conversion", revenue="15.25").exits()
    run.does("account_funded", HOUR, "another conversion").does("account_funded", HOUR, "another conversion")
    run.counts_as("converted")

    run = s.enters("u004", "welcome", "01-05 12:00", "funds too late, re-enters, funds again: the re-entry counts")
    run.visits("hello_push").sent("android").exits().does("account_funded", 3 * DAY).counts_as("closed")
    run = s.enters("u004", "welcome", "01-12 12:00").visits("hello_push").sent("android").visits("wait_a_day")
    run.does("account_funded", HOUR, "first conversion").exits().counts_as("converted")

    run = s.enters("u005", "welcome", "01-06 09:00", "funds exactly at the end of the window: counted")
    run.visits("hello_push").exits().does("account_funded", 24 * HOUR, "first conversion").counts_as("converted")

    run = s.enters("u006", "welcome", "01-06 09:00", "funds one microsecond after the window: not counted")
    run.visits("hello_push").exits().does("account_funded", 24 * HOUR + MICROSECOND).counts_as("closed")

    run = s.enters("u007", "welcome", "01-06 09:00", "funds 999 nanoseconds too late, which are cut off: counted")
    run.visits("hello_push").exits().writes(form="nanoseconds")
    run.does("account_funded", 24 * HOUR, "first conversion").counts_as("converted")

    run = s.strays("u008", "welcome", "01-07 08:59", "funds one minute before entering: not counted")
    run.does("account_funded", NOW)
    s.enters("u008", "welcome", "01-07 09:00").visits("hello_push").exits().counts_as("closed")

    run = s.enters("u009", "welcome", "01-07 09:00", "funds at the very instant of the entry: counted")
    run.does("account_funded", NOW, "first conversion").exits().counts_as("converted")

    run = s.enters("u010", "welcome", "01-07 10:00", "exits twice, funds 3 days after the first: not counted")
    run.visits("hello_push").exits().exits(3 * DAY, ignored=True).does("account_funded", HOUR).counts_as("closed")

    # What belongs to which entry.
    s.enters("u011", "welcome", "01-08 09:00", "exits at the very instant of the entry").exits(NOW).counts_as("closed")

    run = s.enters("u012", "welcome", "01-09 10:00", "exits and re-enters in one instant: the exit is the re-entry's")
    run.visits("hello_push").sent("ios").counts_as("active")
    s.enters("u012", "welcome", "01-09 11:00").exits(NOW).counts_as("closed")

    run = s.enters("u013", "welcome", "01-09 12:00", "enters twice in one instant: all belongs to the greater entry id")
    run.counts_as("active")
    run = s.enters("u013", "welcome", "01-09 12:00").visits("hello_push", NOW).exits()
    run.does("account_funded", HOUR, "first conversion").counts_as("converted")

    run = s.enters("u014", "welcome", "01-10 09:00", "reaches three steps in one instant: the event ids order them")
    run.visits("hello_push").visits("wait_a_day", NOW).swaps().visits("tips_email", NOW).exits(NOW).counts_as("closed")

    run = s.strays("u015", "welcome", "01-10 09:00", "is seen in steps without ever entering: unmatched")
    run.visits("hello_push").sent("android").clicked("android").exits().does("account_funded", HOUR)

    run = s.strays("u016", "welcome", "01-10 10:00", "is seen in a step before entering: only that visit is unmatched")
    run.visits("wait_a_day")
    s.enters("u016", "welcome", "01-10 11:00").visits("tips_email").sent().shown().exits().counts_as("closed")

    run = s.enters("u017", "welcome", "01-11 09:00", "reaches a step after the exit: it still belongs to the entry")
    run.visits("hello_push").exits().visits("wait_a_day", HOUR).counts_as("closed")

    # What arrives late, twice or oddly written.
    run = s.enters("u018", "welcome", "01-12 09:00", "exits long before funding, but the exit is loaded 9 days late")
    run.visits("hello_push").loads(9 * DAY).exits().loads(NOW).does("account_funded", 3 * DAY).counts_as("closed")

    run = s.enters("u019", "welcome", "01-12 10:00", "the entry is loaded 10 days after everything else", late=10 * DAY)
    run.visits("hello_push").sent("ios").does("account_funded", HOUR, "first conversion").exits().counts_as("converted")

    run = s.enters("u020", "welcome", "01-13 09:00", "rows come again with other content: the first loaded wins")
    run.again(DAY, user_id="u002").visits("hello_push").again(2 * DAY, step_id="tips_email").sent("ios")
    run.again(3 * DAY, platform="android", occurred_at="2026-01-01 00:00:00").swaps().exits().again(NOW)
    run.again(NOW, occurred_at="2026-01-13 11:30:00", journey_id="cart_recovery")
    run.does("account_funded", HOUR, "first conversion", revenue="60").again(DAY, event_name="app_opened", revenue="6")
    run.again(NOW, occurred_at="2026-01-13T12:30:00Z").counts_as("converted")

    s.rejects("journey_events", "unreadable_time", event_id="u021-j01", user_id="u021", occurred_at="13.01.2026 09:00")
    run = s.enters("u021", "welcome", "01-13 10:00", "the first delivery of the entry is rejected, the second counts")
    run.visits("hello_push").exits().again(NOW, loaded_at=AFTER_ALL_OTHERS).counts_as("closed")

    run = s.enters("u022", "welcome", "01-13 11:00", "blanks, capitals and a colder clock")
    run.writes("newfoundland", untidy=True).visits("hello_push").sent("android").clicked("ios").exits()
    run.writes("berlin", untidy=True).does("account_funded", HOUR, "first conversion").counts_as("converted")

    run = s.enters("u023", "welcome", "01-20 13:00", "loaded an hour before it happened: accepted", late=-DAY)
    run.visits("hello_push").exits().does("account_funded", HOUR, event_id="u023-j01", verdict="first conversion")
    run.counts_as("converted")

    # Ids that are text and nothing else.
    run = s.enters("007", "welcome", "01-21 09:00", "keeps the zeros of the id").visits("hello_push").failed("ios")
    run.exits().counts_as("closed")
    run = s.enters("7", "welcome", "01-21 09:00", "is another user than 007").visits("hello_push").sent("ios")
    run.counts_as("active")
    run = s.enters("=cmd|calc", "welcome", "01-21 10:00", "is no formula").visits("hello_push").sent("web")
    run.clicked("web").does("account_funded", HOUR, "first conversion", properties='{"note": "=1+1", "tags": [1, 2]}')
    run.exits().counts_as("converted")
    run = s.enters("'; drop table users; --", "welcome", "01-21 11:00", "is no statement").visits("hello_push").sent()
    run.exits().counts_as("closed")

    # The end of the data: 27 February, noon.
    run = s.enters("u030", "welcome", "02-26 09:00", "the window ends with the data: still open")
    run.visits("hello_push").sent("ios").exits(2 * HOUR + 55 * MINUTE).counts_as("open")

    run = s.enters("u031", "welcome", "02-26 09:00", "the window ended one microsecond before: closed")
    run.visits("hello_push").sent("ios").exits(2 * HOUR + 55 * MINUTE - MICROSECOND).counts_as("closed")

    run = s.enters("u032", "welcome", "02-26 10:00", "converted, but the window is open: not matured")
    run.visits("hello_push").sent("android").does("account_funded", HOUR, "first conversion").exits(3 * HOUR)
    run.counts_as("converted", window_is_over=False)

    run = s.enters("u033", "welcome", "02-27 09:00", "has only just entered").visits("hello_push").sent("ios")
    run.counts_as("active")


def tell_cart_recovery(s: Sample) -> None:
    """Conversion is order_placed, up to 120 minutes after the exit; before 20 January it was checkout_started."""
    first = s.strays("u040", "cart_recovery", "01-06 10:00", "the order that triggers the entry never converts it")
    order = first.does("order_placed", NOW, revenue="31.00").last_id
    run = s.enters("u040", "cart_recovery", "01-06 10:00", trigger=order).visits("nudge_push").sent("ios")
    run.exits().counts_as("closed")

    run = s.enters("u041", "cart_recovery", "01-07 09:00", "an order converts one entry and triggers the next")
    run.visits("nudge_push").sent("ios").exits().does("order_placed", 25 * MINUTE, "first conversion", revenue="42.10")
    run.counts_as("converted")
    run = s.enters("u041", "cart_recovery", "01-07 10:30", trigger=run.last_id).visits("nudge_push").sent("ios")
    run.exits().counts_as("closed")

    run = s.enters("u042", "cart_recovery", "01-08 09:00", "an order valid for two entries is credited to the later")
    run.visits("nudge_push").sent("android").counts_as("active")
    run = s.enters("u042", "cart_recovery", "01-08 12:00").visits("nudge_push").sent("android")
    run.does("order_placed", HOUR, "first conversion", revenue="9.99").exits().counts_as("converted")

    run = s.enters("u043", "cart_recovery", "01-09 09:00", "two entries convert, the user counts once")
    run.does("order_placed", HOUR, "first conversion", revenue="20").exits().counts_as("converted")
    run = s.enters("u043", "cart_recovery", "01-19 09:00")
    run.does("order_placed", HOUR, "another conversion", revenue="25").exits().counts_as("converted")

    run = s.enters("u044", "cart_recovery", "01-10 09:00", "does what converted under the definition replaced since")
    run.visits("nudge_push").does("checkout_started", HOUR).exits().counts_as("closed")

    cart = s.enters("u045", "cart_recovery", "01-11 09:00", "one order converts two journeys").visits("nudge_push")
    back = s.enters("u045", "win_back", "01-11 09:30").visits("miss_you").sent()
    cart.does("order_placed", HOUR, "first conversion", revenue="70")
    back.credits(cart.clock, "first conversion").exits(2 * HOUR).counts_as("converted")
    cart.exits().counts_as("converted")

    run = s.enters("u046", "cart_recovery", "01-12 09:00", "shows and clicks a text message, which has no such metric")
    run.visits("nudge_push").failed("android").failed().visits("coupon_sms", HOUR).sent().shown().clicked()
    run.exits().counts_as("closed")

    run = s.enters("u047", "cart_recovery", "02-27 09:00", "left at 10:30, the window closes at 12:30: open")
    run.visits("nudge_push").sent("ios").exits(85 * MINUTE).counts_as("open")


def tell_loan_application(s: Sample) -> None:
    """Conversion is loan_disbursed, up to 7 days after the exit. Runs carry an instance id; times are Indian."""
    one = s.enters("u060", "loan_application", "01-05 09:00", "interleaved runs, instance ids part them", instance="a")
    one.visits("eligibility").outcome("eligible")
    two = s.enters("u060", "loan_application", "01-06 09:00", instance="b").visits("eligibility").outcome("eligible")
    one.visits("documents", 2 * DAY).exits().counts_as("closed")
    two.visits("offer_push", 3 * DAY).sent("android").does("loan_disbursed", HOUR, "first conversion").exits()
    two.counts_as("converted")

    one = s.enters("u061", "loan_application", "01-05 09:00", "the later run is over, the first counts", instance="a")
    two = s.enters("u061", "loan_application", "01-06 09:00", instance="b").visits("eligibility").outcome("refused")
    two.exits().counts_as("closed")
    one.visits("eligibility", 2 * DAY).outcome("eligible").does("loan_disbursed", 13 * DAY, "first conversion")
    one.counts_as("converted", window_is_over=False)

    run = s.enters("u062", "loan_application", "01-07 09:00", "an instance nobody entered falls to the latest entry")
    run.writes(instance="nobody").visits("eligibility").outcome("eligible").exits().counts_as("closed")

    run = s.enters("u063", "loan_application", "01-08 09:00", "tries one step three times, one outcome is missing")
    run.visits("documents").outcome("blurred").visits("documents", HOUR).outcome(None).visits("documents", DAY)
    run.outcome("accepted").visits("kyc_call", HOUR).outcome("no answer").counts_as("active")

    run = s.enters("u064", "loan_application", "01-09 09:00", "passes a step without definition and one without a type")
    run.visits("video_call").sent("ios").outcome("Done").visits("on_hold", HOUR).outcome("done").exits()
    run.counts_as("closed")

    run = s.enters("u065", "loan_application", "01-10 18:00", "from 23:30 to past midnight in India: one UTC day")
    run.visits("eligibility", HOUR).outcome("eligible").exits().counts_as("closed")

    run = s.enters("u066", "loan_application", "02-24 09:00", "left 3 days before the data ends: open")
    run.visits("eligibility").outcome("refused").exits().counts_as("open")


def tell_win_back(s: Sample) -> None:
    """Conversion is order_placed, with no window: up to the very instant of the exit. Defined weeks after it began."""
    run = s.enters("u080", "win_back", "01-14 09:00", "orders at the instant of the exit: counted").visits("miss_you")
    run.sent().exits().does("order_placed", NOW, "first conversion", revenue="12").counts_as("converted")

    run = s.enters("u081", "win_back", "01-14 09:00", "orders one microsecond after the exit: not counted")
    run.visits("miss_you").sent().exits().writes("plain").does("order_placed", MICROSECOND).counts_as("closed")

    run = s.enters("u082", "win_back", "02-27 10:55", "exits at the last instant of the data: open").visits("miss_you")
    run.exits().counts_as("open")

    run = s.enters("u083", "win_back", "01-15 00:00", "enters at midnight, written as a day; later a comma", form="day")
    run.writes("comma").visits("miss_you", HOUR + 250_000 * MICROSECOND).exits().counts_as("closed")


def tell_spring_sale(s: Sample) -> None:
    """Nobody has defined this journey or its step: it is counted, but nothing converts."""
    for i in range(8):
        run = s.enters(f"u5{i:02d}", "spring_sale", f"02-{3 * i + 2:02d} 10:00").visits("teaser").sent(PHONES[i % 5])
        run.does("order_placed", HOUR, revenue="5.00")
        if i % 4 == 3:
            run.counts_as("active")
        else:
            run.clicked(PHONES[i % 5]).exits(reason="finished").counts_as("closed")
    run = s.enters("u508", "spring_sale", "02-27 10:55", "exits at the last instant of the data: open").visits("teaser")
    run.exits().counts_as("open")


def cycle(s: Sample, journey: str, prefix: str, users: int, hours: int) -> Iterable[tuple[int, str | None, Run]]:
    """Background users, one every so many hours from 2 January; every ninth one's entry is loaded four days late."""
    for i in range(users):
        user, at = f"{prefix}{i:02d}", f"{datetime(2026, 1, 2, 7) + i * hours * HOUR:%m-%d %H:%M}"
        s.strays(user, journey, at).does("app_opened", i * MINUTE)
        if i % 3 == 0:
            s.strays(user, journey, at).does("product_viewed", 90 * MINUTE, properties=f'{{"product": "p{i}"}}')
        instance = f"run-{i}" if journey == "loan_application" else None
        yield i % 8, PHONES[i % 5], s.enters(user, journey, at, late=4 * DAY if i % 9 == 5 else NOW, instance=instance)


def fill_welcome(s: Sample) -> None:
    for kind, phone, run in cycle(s, "welcome", "u1", 32, 39):
        run.visits("hello_push").sent(phone)
        if kind == 0:
            run.clicked(phone).does("account_funded", 2 * HOUR, "first conversion", revenue="50").exits()
            run.counts_as("converted")
        elif kind == 1 or kind == 5:
            run.visits("wait_a_day").visits("tips_email", DAY).sent().shown().exits().counts_as("closed")
        elif kind == 2:
            run.failed(phone, MINUTE).exits(reason="unreachable").counts_as("closed")
        elif kind == 3:
            run.visits("wait_a_day").visits("tips_email", DAY).sent().shown().clicked().visits("profile_card")
            run.shown().clicked().does("account_funded", HOUR, "first conversion", revenue="75.50").exits()
            run.counts_as("converted")
        elif kind == 4:
            run.clicked(phone).visits("wait_a_day").counts_as("active")
        elif kind == 6:
            run.visits("wait_a_day").visits("tips_email", DAY).sent().exits()
            run.does("account_funded", 20 * HOUR, "first conversion", revenue="30").counts_as("converted")
        else:
            run.visits("wait_a_day").visits("tips_email", DAY).sent().failed().visits("profile_card", 2 * HOUR).shown()
            run.exits(reason="finished").does("account_funded", 30 * HOUR).counts_as("closed")


def fill_cart_recovery(s: Sample) -> None:
    for kind, phone, run in cycle(s, "cart_recovery", "u2", 32, 37):
        run.visits("nudge_push", HOUR).sent(phone)
        if kind == 0:
            run.clicked(phone).does("order_placed", 10 * MINUTE, "first conversion", revenue="19.90").exits(MINUTE)
            run.counts_as("converted")
        elif kind == 1 or kind == 6:
            run.visits("has_coupon", DAY).outcome("yes").visits("last_call").sent().shown().exits().counts_as("closed")
        elif kind == 2:
            run.visits("has_coupon", DAY).outcome("no").visits("coupon_sms").sent()
            run.does("order_placed", 3 * HOUR, "first conversion", revenue="64.00").exits().counts_as("converted")
        elif kind == 3:
            run.visits("has_coupon", DAY).outcome("no").visits("coupon_sms").failed().exits().counts_as("closed")
        elif kind == 4:
            run.exits(reason="cart emptied").counts_as("closed")
            run = s.enters(run.user, "cart_recovery", f"{run.clock + 3 * DAY:%m-%d %H:%M}").visits("nudge_push", HOUR)
            run.sent(phone).clicked(phone).exits().does("order_placed", 2 * HOUR, "first conversion", revenue="88")
            run.counts_as("converted")
        elif kind == 5:
            run.visits("has_coupon", DAY).outcome("yes").counts_as("active")
        else:
            run.failed(phone, MINUTE).does("checkout_started", HOUR).exits(DAY).counts_as("closed")


def fill_loan_application(s: Sample) -> None:
    for kind, phone, run in cycle(s, "loan_application", "u3", 24, 40):
        run.visits("eligibility", MINUTE)
        if kind in (0, 1, 5):
            run.outcome("eligible").visits("documents").outcome("accepted", DAY).visits("offer_push").sent(phone)
            run.clicked(phone).does("loan_disbursed", 2 * DAY, "first conversion", revenue="310.75").exits()
            run.counts_as("converted")
        elif kind in (2, 3):
            run.outcome("refused").exits(reason="refused").counts_as("closed")
        elif kind == 4:
            run.outcome("eligible").visits("documents").outcome("blurred").visits("documents", DAY).counts_as("active")
        else:
            run.outcome("eligible").visits("documents").outcome("accepted").visits("kyc_call").sent().shown()
            run.outcome("no answer").exits(3 * DAY).counts_as("closed")


def fill_win_back(s: Sample) -> None:
    for kind, _, run in cycle(s, "win_back", "u1", 20, 61):
        run.visits("miss_you").sent()
        if kind in (0, 4):
            run.shown().clicked().visits("gift_card", HOUR).shown().clicked()
            run.does("order_placed", HOUR, "first conversion", revenue="27.30").exits(MINUTE).counts_as("converted")
        elif kind in (1, 2, 5):
            run.shown().visits("gift_card", DAY).shown().visits("last_call", DAY).sent().exits().counts_as("closed")
        elif kind in (3, 6):
            run.failed().visits("last_call", DAY).sent().exits().does("order_placed", HOUR).counts_as("closed")
        else:
            run.visits("gift_card", DAY).sent().counts_as("active")


def tell_rejects(s: Sample) -> None:
    """Every reason for both tables; where several hold, the first in the order of the rule is named."""
    events = "journey_events"
    s.rejects(events, "missing_event_id", event_id=None)
    s.rejects(events, "missing_event_id", event_id=None, user_id=None, event_type=None, loaded_at=None)
    s.rejects(events, "missing_user_id", cleaned={"user_id": None}, user_id="  ")
    s.rejects(events, "missing_user_id", user_id=None, event_id="u001-j01", loaded_at="2026-01-02 12:00:00.000000")
    s.rejects(events, "missing_journey_id", journey_id=None)
    s.rejects(events, "unknown_event_type", cleaned={"event_type_or_name": "step_skipped"}, event_type=" Step_Skipped")
    s.rejects(events, "unknown_event_type", event_type=None, step_id=None)
    s.rejects(events, "missing_step_id", step_id=None)
    s.rejects(events, "missing_loaded_at", loaded_at=None)
    for time in (None, "yesterday", "2026-02-30 10:00:00", "2026-1-5 09:00:00", "2026-01-15T24:00:00Z", "1768471200"):
        s.rejects(events, "unreadable_time", occurred_at=time)
    s.rejects(events, "from_the_future", occurred_at="2026-01-15 13:00:00.000001")
    s.rejects(events, "from_the_future", occurred_at="2026-03-01", loaded_at=AFTER_ALL_OTHERS)
    s.rejects("user_events", "missing_event_id", event_id=None)
    s.rejects("user_events", "missing_user_id", user_id=None, event_name=None)
    s.rejects("user_events", "missing_event_name", event_name=None)
    s.rejects("user_events", "missing_loaded_at", loaded_at=None, occurred_at="never")
    s.rejects("user_events", "unreadable_time", occurred_at="2026-01-15T10:00:00+25:00")
    s.rejects("user_events", "from_the_future", occurred_at="2026-01-15T18:30:00.000001+05:30")


def tell_all() -> Sample:
    sample = Sample()
    for tell in (define, tell_welcome, tell_cart_recovery, tell_loan_application, tell_win_back, tell_spring_sale,
                 fill_welcome, fill_cart_recovery, fill_loan_application, fill_win_back, tell_rejects):  # fmt: skip
        tell(sample)
    return sample


def as_csv(columns: list[str], rows: list[Row]) -> str:
    """RFC 4180 but for its line ends, which are LF; null is an empty field."""
    text = io.StringIO()
    lines = csv.DictWriter(text, columns, lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue()


def as_json(answers: dict[str, Rows], stories: list[str]) -> str:
    """One line per row, so that a changed answer is a changed line."""
    tables = []
    for table, rows in answers.items():
        lines = ",\n".join(json.dumps(list(row.values())) for row in rows)
        tables.append(f'"{table}": {{"columns": {json.dumps(list(rows[0]))}, "rows": [\n{lines}\n]}}')
    told = ",\n".join(map(json.dumps, stories))
    return f'{{"stories": [\n{told}\n],\n"tables": {{\n' + ",\n".join(tables) + "\n}}\n"


def files() -> dict[str, str]:
    """Path, relative to the project, and text of every file this script owns."""
    sample = tell_all()
    texts = {f"seeds/sample/{table}.csv": as_csv(names.split(), sample.rows[table]) for table, names in COLUMNS.items()}
    return texts | {TRUTH: as_json(known_answers(sample, JOURNEYS, STEPS, stamp(DATA_COMPLETE_AT)), sample.stories)}


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name the files that are stale.")
def main(check: bool) -> None:
    texts = {PROJECT / path: text.encode() for path, text in files().items()}
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text]
    if check and stale:
        names = ", ".join(str(path.relative_to(PROJECT)) for path in stale)
        click.echo(f"Stale: {names}; run `python scripts/generate_sample.py` and commit what it writes.", err=True)
        sys.exit(1)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(texts[path])


if __name__ == "__main__":
    main()
