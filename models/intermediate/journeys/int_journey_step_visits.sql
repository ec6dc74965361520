-- Grain: one visit of a user to a step, that is one step_entered event, with what became of it.
with visits as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'step_entered'

),

visits_with_state as (

    select
        journey_id,
        user_id,
        step_id,
        occurred_at as visited_at,
        entry_number,
        entered_at,
        exited_at,
        visit_number,
        next_step_id,
        next_visited_at,
        case
            when entry_number is null then 'unmatched'
            when next_visited_at is not null then 'continued'
            when exited_at is not null then 'exited'
            else 'waiting'
        end as visit_state
    from visits

)

select * from visits_with_state
