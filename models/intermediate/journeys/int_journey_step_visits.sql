-- Grain: one visit of a user to a step, that is one step_entered event, and how it ended.
with path_events as (

    select * from {{ ref('int_journey_path_events') }}
    where event_type = 'step_entered'

),

converted_entries as (

    select entry_id
    from {{ ref('int_journey_conversions') }}
    group by entry_id

),

visits as (

    select
        path_events.event_id as visit_id,
        path_events.journey_id,
        path_events.user_id,
        path_events.step_id,
        path_events.occurred_at as visited_at,
        path_events.entry_id,
        path_events.entered_at,
        path_events.exited_at,
        path_events.visit_number,
        path_events.next_step_id,
        path_events.next_visited_at,
        case
            when path_events.entry_id is null then 'unmatched'
            when path_events.next_visited_at is not null then 'continued'
            when path_events.exited_at is not null then 'exited'
            else 'waiting'
        end as visit_state,
        converted_entries.entry_id is not null as is_entry_converted
    from path_events
    left join converted_entries on path_events.entry_id = converted_entries.entry_id

)

select * from visits
