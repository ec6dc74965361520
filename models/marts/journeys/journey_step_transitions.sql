-- Grain: one transition of a journey: into its first step, from step to step, out of it, or still there.
with known_transitions as (

    select * from {{ ref('int_journey_transitions') }}
    where not is_over_all_next_steps and visit_state != 'unmatched'

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
        transition_user_count as user_count,
        median_seconds
    from known_transitions

)

select * from transitions
