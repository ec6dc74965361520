-- Grain: one transition from the entry or a step; where `is_over_all_next_steps`, the total of those that ended alike.
with timed as (

    select
        *,
        -- Visits after the exit still belong to the entry, so these can be negative.
        {{ microseconds_between('occurred_at', 'coalesce(next_visited_at, exited_at)') }} as microseconds
    from {{ ref('int_journey_entry_events') }}

),

-- A median over several transitions is not made of theirs, so both are found in one reading of all visits.
transitions as (

    select
        journey_id,
        event_type,
        step_id,
        visit_state,
        next_step_id,
        grouping(next_step_id) = 1 as is_over_all_next_steps,
        count(*) as visit_count,
        count(*) filter (where is_users_first_in_transition) as transition_user_count,
        count(*) filter (where is_users_first_at_step) as step_user_count,
        {{ median_seconds('microseconds') }} as median_seconds
    from timed
    group by journey_id, event_type, step_id, visit_state, rollup(next_step_id)

)

select * from transitions
