-- Grain: one way on from a place of a journey or, where `is_any_next_step`, all those ways from there that ended alike.
with places as (

    select
        *,
        -- Visits after the exit still belong to the entry, so these can be negative.
        {{ microseconds_between('occurred_at', 'coalesce(next_visited_at, exited_at)') }} as microseconds
    from {{ ref('int_journey_entry_events') }}

),

-- A median over several ways is not made of theirs, so both are found in the one reading of all visits.
ways as (

    select
        journey_id,
        event_type,
        step_id,
        visit_state,
        next_step_id,
        grouping(next_step_id) = 1 as is_any_next_step,
        count(*) as visit_count,
        count(*) filter (where is_users_first_of_way) as way_user_count,
        count(*) filter (where is_users_first_of_step) as step_user_count,
        {{ median_seconds('microseconds') }} as median_seconds
    from places
    group by journey_id, event_type, step_id, visit_state, rollup(next_step_id)

)

select * from ways
