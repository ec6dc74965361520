-- Grain: one step of a journey with at least one visit.
with visits as (

    select
        *,
        case
            when visit_state = 'continued' then {{ microseconds_between('visited_at', 'next_visited_at') }}
        end as microseconds_to_next_step
    from {{ ref('int_journey_step_visits') }}

),

journey_users as (

    select
        journey_id,
        count(*) as entry_user_count
    from {{ ref('int_journey_users') }}
    group by journey_id

),

step_users as (

    select
        journey_id,
        step_id,
        count(*) as reached_user_count
    from {{ ref('int_journey_step_user_events') }}
    where event_type = 'step_entered'
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
        -- Leaving after a conversion is a success, not a drop-off.
        count(*) filter (where visit_state = 'exited' and not is_entry_converted) as dropped_off_count,
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
        flows.dropped_off_count,
        {{ percentage('flows.dropped_off_count', 'flows.entry_count') }} as drop_off_pct,
        -- Users whose visits match no entry are counted too, so on broken data this can exceed 100.
        {{ percentage('step_users.reached_user_count', 'journey_users.entry_user_count') }} as reached_user_pct,
        flows.median_seconds_to_next_step
    from flows
    inner join step_users on flows.journey_id = step_users.journey_id and flows.step_id = step_users.step_id
    left join journey_users on flows.journey_id = journey_users.journey_id

)

select * from rated
