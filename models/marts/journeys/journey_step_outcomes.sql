-- Grain: one outcome that a step of a journey recorded, whatever the step's type.
with user_outcomes as (

    select * from {{ ref('int_journey_step_user_events') }}
    where event_type = 'step_outcome'

),

outcomes as (

    select
        journey_id,
        step_id,
        outcome,
        cast(sum(event_count) as bigint) as outcome_count,
        count(*) as outcome_user_count
    from user_outcomes
    group by journey_id, step_id, outcome

)

select * from outcomes
