-- A step's counts are its accepted events, no more and no less, wherever its type has the metric. Steps are found by
-- joins and counts by a list of metrics: a row too many there would double a number, a missing one would hide it.
{{ config(tags=['whole_history']) }}

with accepted as (

    select
        journey_id,
        step_id,
        count(*) filter (where event_type = 'step_entered') as entry_count,
        count(distinct user_id) filter (where event_type = 'step_entered') as entry_user_count,
        count(*) filter (where event_type = 'message_sent') as sent_count,
        count(*) filter (where event_type = 'message_failed') as failed_count,
        count(*) filter (where event_type = 'message_shown') as shown_count,
        count(*) filter (where event_type = 'message_clicked') as clicked_count
    from {{ ref('int_journey_events') }}
    where step_id is not null
    group by journey_id, step_id

)

select
    coalesce(accepted.journey_id, metrics.journey_id) as journey_id,
    coalesce(accepted.step_id, metrics.step_id) as step_id,
    metrics.step_id is null as is_not_published,
    accepted.entry_count as accepted_entries,
    accepted.sent_count as accepted_sent,
    accepted.failed_count as accepted_failed,
    accepted.shown_count as accepted_shown,
    accepted.clicked_count as accepted_clicked
from accepted
full outer join {{ ref('journey_step_channel_metrics') }} as metrics
    on accepted.journey_id = metrics.journey_id and accepted.step_id = metrics.step_id
where
    metrics.step_id is null
    or metrics.entry_count != coalesce(accepted.entry_count, 0)
    or metrics.entry_user_count != coalesce(accepted.entry_user_count, 0)
    or metrics.sent_count != coalesce(accepted.sent_count, 0)
    or metrics.failed_count != coalesce(accepted.failed_count, 0)
    or metrics.shown_count != coalesce(accepted.shown_count, 0)
    or metrics.clicked_count != coalesce(accepted.clicked_count, 0)
