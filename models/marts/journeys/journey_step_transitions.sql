-- Grain: one way between two places of a journey: into its first step, from step to step, out of it, or still there.
with moves as (

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
        is_users_first_of_way,
        -- Visits after the exit still belong to the entry, so these seconds can be negative.
        {{ microseconds_between('occurred_at', 'coalesce(next_visited_at, exited_at)') }} as microseconds
    from {{ ref('int_journey_entry_events') }}
    where visit_state != 'unmatched'

),

transitions as (

    select
        journey_id,
        transition_kind,
        from_step_id,
        to_step_id,
        count(*) as transition_count,
        count(*) filter (where is_users_first_of_way) as user_count,
        {{ median_seconds('microseconds') }} as median_seconds
    from moves
    group by journey_id, transition_kind, from_step_id, to_step_id

)

select * from transitions
