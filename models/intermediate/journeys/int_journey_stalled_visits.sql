-- Grain: one visit at which a user still waits, or dropped off: left the journey from there without converting.
with visits as (

    select * from {{ ref('int_journey_step_visits') }}
    where visit_state in ('waiting', 'exited')

),

converted_entries as (

    select entry_id
    from {{ ref('int_journey_conversions') }}
    group by entry_id

),

stalled as (

    select
        visits.visit_id,
        visits.journey_id,
        visits.user_id,
        visits.step_id,
        visits.visited_at,
        case visits.visit_state when 'waiting' then 'waiting_count' else 'dropped_off_count' end as metric
    from visits
    left join converted_entries on visits.entry_id = converted_entries.entry_id
    -- Leaving after a conversion is a success, not a drop-off.
    where visits.visit_state = 'waiting' or converted_entries.entry_id is null

)

select * from stalled
