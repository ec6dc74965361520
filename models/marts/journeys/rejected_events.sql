-- Grain: one rejected row of a raw event table. Nothing disappears: what is not counted stays readable here.
with journey_events as (

    select * from {{ ref('int_rejected_journey_events') }}

),

user_events as (

    select * from {{ ref('int_rejected_user_events') }}

),

rejected as (

    select
        'journey_events' as raw_table,
        reject_reason as reason,
        event_id,
        user_id,
        journey_id,
        event_type as event_type_or_name,
        step_id,
        occurred_at_raw,
        loaded_at
    from journey_events

    union all

    select
        'user_events' as raw_table,
        reject_reason as reason,
        event_id,
        user_id,
        null as journey_id,
        event_name as event_type_or_name,
        null as step_id,
        occurred_at_raw,
        loaded_at
    from user_events

)

select * from rejected
