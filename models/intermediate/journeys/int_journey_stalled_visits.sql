-- Grain: one visit at which a user still waits, or dropped off: left the journey from there without converting.
with visits as (

    select * from {{ ref('int_journey_step_visits') }}
    where visit_state in ('waiting', 'exited')

),

converted_entries as (

    select
        journey_id,
        user_id,
        entry_number
    from {{ ref('int_journey_conversions') }}
    group by journey_id, user_id, entry_number

),

stalled as (

    select
        visits.journey_id,
        visits.user_id,
        visits.step_id,
        visits.entry_number,
        visits.visited_at,
        case visits.visit_state when 'waiting' then 'waiting_count' else 'dropped_off_count' end as metric
    from visits
    left join converted_entries
        on
            visits.journey_id = converted_entries.journey_id
            and visits.user_id = converted_entries.user_id
            and visits.entry_number = converted_entries.entry_number
    -- Leaving after a conversion is a success, not a drop-off.
    where visits.visit_state = 'waiting' or converted_entries.entry_number is null

)

select * from stalled
