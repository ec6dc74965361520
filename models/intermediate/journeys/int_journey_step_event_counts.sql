-- Grain: one step, event type, platform and outcome with at least one accepted event.
with event_counts as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        outcome,
        cast(sum(event_count) as bigint) as event_count
    from {{ ref('int_journey_event_counts') }}
    where step_id is not null
    group by journey_id, step_id, event_type, platform, outcome

),

visitors as (

    select
        journey_id,
        step_id,
        cast(sum(step_user_count) as bigint) as user_count
    from {{ ref('int_journey_transitions') }}
    where event_type = 'step_entered' and is_over_all_next_steps
    group by journey_id, step_id

),

repeated_outcomes as (

    select
        journey_id,
        step_id,
        outcome,
        cast(sum(repeat_count) as bigint) as repeat_count
    from {{ ref('int_journey_repeated_outcomes') }}
    group by journey_id, step_id, outcome

),

counted as (

    select
        event_counts.journey_id,
        event_counts.step_id,
        event_counts.event_type,
        event_counts.platform,
        event_counts.outcome,
        event_counts.event_count,
        case event_counts.event_type
            when 'step_entered' then visitors.user_count
            when 'step_outcome' then event_counts.event_count - coalesce(repeated_outcomes.repeat_count, 0)
        end as user_count
    from event_counts
    left join visitors on event_counts.journey_id = visitors.journey_id and event_counts.step_id = visitors.step_id
    left join repeated_outcomes
        on
            event_counts.journey_id = repeated_outcomes.journey_id
            and event_counts.step_id = repeated_outcomes.step_id
            and event_counts.outcome = repeated_outcomes.outcome

)

select * from counted
