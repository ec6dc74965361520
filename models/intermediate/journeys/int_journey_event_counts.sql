-- Grain: one step or none, event type, platform, outcome and day of sending with at least one accepted event.
with deliveries as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        outcome,
        sent_date,
        row_count
    from {{ ref('int_journey_delivery_counts') }}

    union all

    select
        journey_id,
        step_id,
        event_type,
        {{ counted_platform('event_type', 'platform') }} as platform,
        {{ counted_outcome('event_type', 'outcome') }} as outcome,
        {{ counted_day('event_type', 'occurred_at') }} as sent_date,
        -1 as row_count
    from {{ ref('int_journey_event_redeliveries') }}
    where delivery_number > 1

),

event_counts as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        outcome,
        sent_date,
        cast(sum(row_count) as bigint) as event_count
    from deliveries
    group by journey_id, step_id, event_type, platform, outcome, sent_date
    having sum(row_count) > 0

)

select * from event_counts
