-- Grain: one step of a journey that is defined or has an accepted event.
with defined_steps as (

    select * from {{ ref('int_journey_steps') }}

),

seen_steps as (

    select
        journey_id,
        step_id
    from {{ ref('int_journey_step_event_counts') }}
    group by journey_id, step_id

),

known_steps as (

    select
        coalesce(defined_steps.journey_id, seen_steps.journey_id) as journey_id,
        coalesce(defined_steps.step_id, seen_steps.step_id) as step_id,
        defined_steps.step_name,
        defined_steps.step_type,
        defined_steps.step_position
    from defined_steps
    full outer join seen_steps
        on defined_steps.journey_id = seen_steps.journey_id and defined_steps.step_id = seen_steps.step_id

)

select * from known_steps
