-- Grain: one transition from the entry or a step; where `is_over_all_next_steps`, the total of those that ended alike.
with places as (

    select * from {{ ref('int_journey_entry_events') }}

),

-- A median over several transitions is not made of theirs, so both are found in one reading of all visits.
transitions as (

    select
        journey_id,
        -- An entry is at no step.
        case when step_id is null then 'journey_entered' else 'step_entered' end as event_type,
        step_id,
        visit_state,
        next_step_id,
        grouping(next_step_id) = 1 as is_over_all_next_steps,
        count(*) as visit_count,
        count(*) filter (where is_users_first_in_transition) as transition_user_count,
        count(*) filter (where is_users_first_at_step) as step_user_count,
        {{ median_seconds('microseconds_to_next') }} as median_seconds
    from places
    group by journey_id, step_id, visit_state, rollup(next_step_id)

)

select * from transitions
