-- Grain: one outcome that a step of a journey recorded, whatever the step's type.
with outcomes as (

    select
        journey_id,
        step_id,
        outcome,
        event_count as outcome_count,
        user_count as outcome_user_count
    from {{ ref('int_journey_step_event_counts') }}
    where event_type = 'step_outcome'

)

select * from outcomes
