-- Grain: one entry of a user into a journey.
with path_events as (

    select * from {{ ref('int_journey_path_events') }}

),

entries as (

    select
        entry_id,
        journey_id,
        user_id,
        entry_number,
        trigger_event_id,
        entered_at,
        exited_at,
        visit_count
    from path_events
    where event_type = 'journey_entered'

)

select * from entries
