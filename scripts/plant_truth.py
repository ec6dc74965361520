"""Add what the stories of the sample declare up to the published tables; scripts/generate_sample.py writes them.

    answers = known_answers(sample, journeys, steps, data_complete_at)

Only sums, distinct users, dates and medians of what the stories declared; none of the rules is applied here but
the list of metrics each step type has.
"""

from collections import Counter, defaultdict
from datetime import datetime
from statistics import median

from tell_story import Move, Note, Sample, stamp

Value = str | int | float | None
Rows = list[dict[str, Value]]
Journeys = dict[str, tuple[str, str | None, int | None]]
Steps = dict[tuple[str, str], tuple[str | None, str | None, int | None]]

CHANNELS = {
    "mobile_push": {"sent", "failed", "clicked", "android", "ios", "other_platform"},
    "sms": {"sent", "failed"},
    "in_app": {"shown", "clicked"},
}
ANY_CHANNEL = {"sent", "failed", "shown", "clicked"}
PLATFORMS = ("android", "ios", "other_platform")
MESSAGE_METRICS = ["sent_count", "failed_count", "shown_count", "clicked_count"] + [
    f"{platform}_{what}_count" for platform in PLATFORMS for what in ("sent", "failed", "clicked")
]
# The user lists written down whole; the rest of journey_metric_users would say little more for many more lines.
LISTED = {"messages_sent", "total_entries", "converted_users", "conversion_events", "total_exits", "failed_count",
          "clicked_count", "ios_sent_count", "outcome_count", "dropped_off_count", "waiting_count"}  # fmt: skip


def share(part: Value, whole: Value) -> float | None:
    if not isinstance(part, int) or not isinstance(whole, int) or whole == 0:
        return None
    return 100 * part / whole


def middle(seconds: list[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return median(known) if known else None


def has(step_type: str | None, metric: str) -> bool:
    """Whether this step type publishes this message metric, e.g. `sent_count` or `android_sent_count`."""
    channel = CHANNELS.get(step_type or "", ANY_CHANNEL)
    platform = metric.removesuffix("_count").rpartition("_")[0]
    return (platform or metric.removesuffix("_count")) in channel


class Told:
    """The notes of a sample, found by metric, journey and step."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.notes: dict[tuple[str, str, str | None], list[Note]] = {}
        for note in sample.notes:
            self.notes.setdefault((note.metric, note.journey, note.step), []).append(note)
        self.journeys = sorted({journey for _, journey, _ in self.notes})
        self.first_entry: dict[tuple[str, str], datetime] = {}
        self.matured: dict[tuple[str, str], bool] = {}
        for run in sorted(sample.runs, key=lambda run: run.entered_at or run.clock):
            key = (run.journey, run.user)
            self.first_entry.setdefault(key, run.entered_at or run.clock)
            self.matured[key] = self.matured.get(key, True) and run.window_is_over

    def count(self, metric: str, journey: str, step: str | None = None) -> int:
        return len(self.notes.get((metric, journey, step), []))

    def users(self, metric: str, journey: str, step: str | None = None) -> set[str]:
        return {note.user for note in self.notes.get((metric, journey, step), [])}

    def conversion_columns(self, journey: str, entered: set[str]) -> dict[str, Value]:
        converted = self.users("converted_users", journey) & entered
        matured = {user for user in entered if self.matured[journey, user]}
        return {
            "converted_users": len(converted),
            "conversion_rate_pct": share(len(converted), len(entered)),
            "matured_entry_user_count": len(matured),
            "matured_converted_users": len(converted & matured),
            "matured_conversion_rate_pct": share(len(converted & matured), len(matured)),
        }


def overview(told: Told, journeys: Journeys, data_complete_at: str) -> Rows:
    rows: Rows = []
    for journey in sorted({*told.journeys, *journeys}):
        name, event, window = journeys.get(journey, (None, None, None))
        states = Counter(run.state for run in told.sample.runs if run.journey == journey)
        entered = sorted(stamp(note.at) for note in told.notes.get(("total_entries", journey, None), []))
        users = told.users("total_entries", journey)
        rows.append(
            {
                "journey_id": journey,
                "journey_name": name,
                "conversion_event_name": event,
                "attribution_window_minutes": (window or 0) if journey in journeys else None,
                "messages_sent": told.count("messages_sent", journey),
                "total_entries": len(entered),
                "entry_user_count": len(users),
                **told.conversion_columns(journey, users),
                "total_exits": told.count("total_exits", journey),
                "converted_entries": states["converted"],
                "conversion_events": told.count("conversion_events", journey),
                "active_entries": states["active"],
                "exited_window_open_entries": states["open"],
                "exited_window_closed_entries": states["closed"],
                "first_entered_at": entered[0] if entered else None,
                "last_entered_at": entered[-1] if entered else None,
                "data_complete_at": data_complete_at,
            }
        )
    return rows


def overview_daily(told: Told) -> Rows:
    metrics = ("messages_sent", "total_entries", "converted_users", "total_exits")
    days: defaultdict[tuple[str, str], list[Note]] = defaultdict(list)
    for note in told.sample.notes:
        if note.metric in metrics:
            days[note.journey, f"{note.at:%Y-%m-%d}"].append(note)
    rows: Rows = []
    for (journey, day), notes in sorted(days.items()):
        users = {note.user for note in notes if note.metric == "total_entries"}
        new_users = {user for user in users if f"{told.first_entry[journey, user]:%Y-%m-%d}" == day}
        counts = Counter(note.metric for note in notes)
        row: dict[str, Value] = {"journey_id": journey, "date_day": day}
        row |= {metric: counts[metric] for metric in metrics}
        rows.append(row | {"entry_user_count": len(users), "new_entry_user_count": len(new_users)})
    return rows


def entry_cohorts(told: Told) -> Rows:
    cohorts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for (journey, user), entered_at in told.first_entry.items():
        cohorts[journey, f"{entered_at:%Y-%m-%d}"].add(user)
    return [
        {
            "journey_id": journey,
            "cohort_date": day,
            "entry_user_count": len(users),
            **told.conversion_columns(journey, users),
        }
        for (journey, day), users in sorted(cohorts.items())
    ]


def step_channel_metrics(told: Told, journeys: Journeys, steps: Steps) -> Rows:
    rows: Rows = []
    for journey, step in sorted({*steps, *((journey, step) for _, journey, step in told.notes if step)}):
        name, step_type, position = steps.get((journey, step), (None, None, None))
        published: dict[str, Value] = {
            metric: told.count(metric, journey, step) if has(step_type, metric) else None for metric in MESSAGE_METRICS
        }
        sent, failed = published["sent_count"], published["failed_count"]
        tried = sent + failed if isinstance(sent, int) and isinstance(failed, int) else None
        row: dict[str, Value] = {"journey_id": journey, "journey_name": journeys.get(journey, (None,))[0]}
        row |= {"step_id": step, "step_name": name, "step_type": step_type, "step_position": position}
        row |= {"entry_count": told.count("entry_count", journey, step)}
        row |= {"entry_user_count": len(told.users("entry_count", journey, step)), **published}
        row |= {"failed_pct": share(failed, tried), "shown_pct": share(published["shown_count"], sent)}
        rows.append(row | {"clicked_pct": share(published["clicked_count"], sent)})
    return rows


def step_outcomes(told: Told) -> Rows:
    users: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for note in told.sample.notes:
        if note.metric == "outcome_count":
            users[note.journey, note.step or "", note.outcome or ""].append(note.user)
    return [
        {
            "journey_id": journey,
            "step_id": step,
            "outcome": outcome,
            "outcome_count": len(names),
            "outcome_user_count": len(set(names)),
        }
        for (journey, step, outcome), names in sorted(users.items())
    ]


def step_flow(told: Told) -> Rows:
    seconds: defaultdict[tuple[str, str | None], list[float | None]] = defaultdict(list)
    for move in told.sample.moves:
        if move.kind == "step":
            seconds[move.journey, move.origin].append(move.seconds)
    rows: Rows = []
    for metric, journey, step in sorted(told.notes, key=str):
        if metric != "entry_count":
            continue
        visits = told.count(metric, journey, step)
        states = ("continued_count", "exited_count", "waiting_count", "unmatched_count", "dropped_off_count")
        reached = len(told.users(metric, journey, step))
        row: dict[str, Value] = {"journey_id": journey, "step_id": step, "entry_count": visits}
        row |= {state: told.count(state, journey, step) for state in states}
        row |= {"drop_off_pct": share(row["dropped_off_count"], visits)}
        row |= {"reached_user_pct": share(reached, len(told.users("total_entries", journey)))}
        rows.append(row | {"median_seconds_to_next_step": middle(seconds[journey, step])})
    return rows


def step_transitions(told: Told) -> Rows:
    moves: defaultdict[tuple[str, str, str | None, str | None], list[Move]] = defaultdict(list)
    for move in told.sample.moves:
        moves[move.journey, move.kind, move.origin, move.target].append(move)
    return [
        {
            "journey_id": journey,
            "transition_kind": kind,
            "from_step_id": origin,
            "to_step_id": target,
            "transition_count": len(alike),
            "user_count": len({move.user for move in alike}),
            "median_seconds": middle([move.seconds for move in alike]),
        }
        for (journey, kind, origin, target), alike in sorted(moves.items(), key=str)
    ]


def metric_users(told: Told, steps: Steps) -> Rows:
    moments: defaultdict[tuple[str, str, str | None, str | None, str], list[datetime]] = defaultdict(list)
    for note in told.sample.notes:
        step_type = steps.get((note.journey, note.step or ""), (None, None))[1]
        if note.metric in LISTED and (note.metric not in MESSAGE_METRICS or has(step_type, note.metric)):
            moments[note.metric, note.journey, note.step, note.outcome, note.user].append(note.at)
    return [
        {
            "metric": metric,
            "journey_id": journey,
            "step_id": step,
            "outcome": outcome,
            "user_id": user,
            "event_count": len(times),
            "first_at": stamp(min(times)),
            "last_at": stamp(max(times)),
        }
        for (metric, journey, step, outcome, user), times in sorted(moments.items(), key=str)
    ]


def load_reconciliation(told: Told) -> Rows:
    rows: Rows = []
    for table in ("journey_events", "user_events"):
        row: dict[str, Value] = {"raw_table": table, "raw_rows": len(told.sample.rows[table])}
        for verdict in ("accepted", "duplicate", "rejected"):
            row[f"{verdict}_rows"] = told.sample.loads[table, verdict]
        rows.append(row)
    return rows


def known_answers(sample: Sample, journeys: Journeys, steps: Steps, data_complete_at: str) -> dict[str, Rows]:
    """The rows of every published table that the stories make certain; of `journey_metric_users` those of `LISTED`."""
    told = Told(sample)
    return {
        "journey_overview": overview(told, journeys, data_complete_at),
        "journey_overview_daily": overview_daily(told),
        "journey_entry_cohorts": entry_cohorts(told),
        "journey_step_channel_metrics": step_channel_metrics(told, journeys, steps),
        "journey_step_outcomes": step_outcomes(told),
        "journey_step_flow": step_flow(told),
        "journey_step_transitions": step_transitions(told),
        "journey_metric_users": metric_users(told, steps),
        "load_reconciliation": load_reconciliation(told),
        "rejected_events": [dict(row) for row in sample.rejected],
    }
