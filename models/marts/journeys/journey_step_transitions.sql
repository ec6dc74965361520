-- Grain: one way between two places of a journey: into its first step, from step to step, out of it, or still there.
with ways as (

    select * from {{ ref('int_journey_ways') }}
    where not is_any_next_step and visit_state != 'unmatched'

),

transitions as (

    select
        journey_id,
        case
            when visit_state = 'continued' and event_type = 'journey_entered' then 'entry'
            when visit_state = 'continued' then 'step'
            when visit_state = 'exited' then 'exit'
            else 'waiting'
        end as transition_kind,
        step_id as from_step_id,
        next_step_id as to_step_id,
        visit_count as transition_count,
        way_user_count as user_count,
        median_seconds
    from ways

)

select * from transitions
