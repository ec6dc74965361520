-- Grain: one visit of a user to a step, that is one step_entered event, with what became of it.
with visits as (

    select
        journey_id,
        user_id,
        step_id,
        occurred_at as visited_at,
        entry_number,
        exited_at,
        next_step_id,
        next_visited_at,
        visit_state,
        is_users_first_of_step,
        is_users_first_of_way
    from {{ ref('int_journey_entry_events') }}
    where event_type = 'step_entered'

)

select * from visits
