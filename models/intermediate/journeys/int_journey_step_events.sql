-- Grain: one accepted event that names a step, in the words in which it is counted.
with journey_events as (

    select * from {{ ref('int_journey_events') }}
    where step_id is not null

),

step_events as (

    select
        journey_id,
        step_id,
        user_id,
        event_type,
        {{ counted_platform('event_type', 'platform') }} as platform,
        {{ counted_outcome('event_type', 'outcome') }} as outcome,
        occurred_at
    from journey_events

)

select * from step_events
