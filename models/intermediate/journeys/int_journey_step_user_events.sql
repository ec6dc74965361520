-- Grain: one user, step, event type, platform and outcome with at least one accepted event.
-- The user lists behind published numbers of events are sums of these rows.
with step_events as (

    select * from {{ ref('int_journey_step_events') }}

),

counted as (

    select
        journey_id,
        step_id,
        user_id,
        event_type,
        platform,
        outcome,
        count(*) as event_count,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from step_events
    group by journey_id, step_id, user_id, event_type, platform, outcome

)

select * from counted
