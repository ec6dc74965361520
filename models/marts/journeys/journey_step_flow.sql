-- Grain: one step of a journey with at least one visit.
with visits as (

    select
        *,
        {{ microseconds_between('visited_at', 'next_visited_at') }} as microseconds_to_next_step
    from {{ ref('int_journey_step_visits') }}

),

journey_users as (

    select
        journey_id,
        sum(entry_user_count) as entry_user_count
    from {{ ref('int_journey_cohorts') }}
    group by journey_id

),

step_users as (

    select
        journey_id,
        step_id,
        user_count as reached_user_count
    from {{ ref('int_journey_step_event_counts') }}
    where event_type = 'step_entered'

),

drop_offs as (

    select
        journey_id,
        step_id,
        count(*) as dropped_off_count
    from {{ ref('int_journey_stalled_visits') }}
    where metric = 'dropped_off_count'
    group by journey_id, step_id

),

flows as (

    select
        journey_id,
        step_id,
        count(*) as entry_count,
        count(*) filter (where visit_state = 'continued') as continued_count,
        count(*) filter (where visit_state = 'exited') as exited_count,
        count(*) filter (where visit_state = 'waiting') as waiting_count,
        count(*) filter (where visit_state = 'unmatched') as unmatched_count,
        {{ median_seconds('microseconds_to_next_step') }} as median_seconds_to_next_step
    from visits
    group by journey_id, step_id

),

rated as (

    select
        flows.journey_id,
        flows.step_id,
        flows.entry_count,
        flows.continued_count,
        flows.exited_count,
        flows.waiting_count,
        flows.unmatched_count,
        coalesce(drop_offs.dropped_off_count, 0) as dropped_off_count,
        {{ percentage('coalesce(drop_offs.dropped_off_count, 0)', 'flows.entry_count') }} as drop_off_pct,
        -- Users whose visits match no entry are counted too, so on broken data this can exceed 100.
        {{ percentage('step_users.reached_user_count', 'journey_users.entry_user_count') }} as reached_user_pct,
        flows.median_seconds_to_next_step
    from flows
    left join drop_offs on flows.journey_id = drop_offs.journey_id and flows.step_id = drop_offs.step_id
    left join step_users on flows.journey_id = step_users.journey_id and flows.step_id = step_users.step_id
    left join journey_users on flows.journey_id = journey_users.journey_id

)

select * from rated
