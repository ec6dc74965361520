-- Grain: one step of a journey with at least one visit.
with visits as (

    select * from {{ ref('int_journey_transitions') }}
    where event_type = 'step_entered' and is_over_all_next_steps

),

journey_users as (

    select
        journey_id,
        sum(entry_user_count) as entry_user_count
    from {{ ref('int_journey_cohorts') }}
    group by journey_id

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
        cast(sum(visit_count) as bigint) as entry_count,
        cast(sum(case when visit_state = 'continued' then visit_count else 0 end) as bigint) as continued_count,
        cast(sum(case when visit_state = 'exited' then visit_count else 0 end) as bigint) as exited_count,
        cast(sum(case when visit_state = 'waiting' then visit_count else 0 end) as bigint) as waiting_count,
        cast(sum(case when visit_state = 'unmatched' then visit_count else 0 end) as bigint) as unmatched_count,
        cast(sum(step_user_count) as bigint) as reached_user_count,
        max(case when visit_state = 'continued' then median_seconds end) as median_seconds_to_next_step
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
        {{ percentage('flows.reached_user_count', 'journey_users.entry_user_count') }} as reached_user_pct,
        flows.median_seconds_to_next_step
    from flows
    left join drop_offs on flows.journey_id = drop_offs.journey_id and flows.step_id = drop_offs.step_id
    left join journey_users on flows.journey_id = journey_users.journey_id

)

select * from rated
