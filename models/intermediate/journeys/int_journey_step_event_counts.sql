-- Grain: one step, event type, platform and outcome with at least one accepted event.
with step_events as (

    select * from {{ ref('int_journey_step_events') }}

),

counted as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        outcome,
        count(*) as event_count,
        -- No published number asks how many users a message reached, and counting them would take most of the time.
        case
            when event_type in ('step_entered', 'step_outcome')
                then count(distinct user_id) filter (where event_type in ('step_entered', 'step_outcome'))
        end as user_count
    from step_events
    group by journey_id, step_id, event_type, platform, outcome

)

select * from counted
