-- Grain: one visit at which a user still waits, or dropped off: left the journey from there without converting.
with last_visits as (

    select * from {{ ref('int_journey_entry_milestones') }}
    where last_step_id is not null

),

stalled as (

    select
        journey_id,
        user_id,
        last_step_id as step_id,
        entry_number,
        last_visited_at as visited_at,
        case when exited_at is null then 'waiting_count' else 'dropped_off_count' end as metric
    from last_visits
    -- Leaving after a conversion is a success, not a drop-off.
    where exited_at is null or not is_converted

)

select * from stalled
