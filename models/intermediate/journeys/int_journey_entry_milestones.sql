-- Grain: one entry of a user into a journey, with all that has come of it but for what time alone decides.
with entries as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_entered' and {{ is_touched() }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

last_visits as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'step_entered' and visit_state in ('exited', 'waiting') and {{ is_touched() }}

),

converted_entries as (

    select
        journey_id,
        user_id,
        entry_number
    from {{ ref('int_journey_conversions') }}
    where {{ is_touched() }}
    group by journey_id, user_id, entry_number

),

first_conversions as (

    select * from {{ ref('int_journey_conversions') }}
    where is_first_conversion and {{ is_touched() }}

),

milestones as (

    select
        entries.journey_id,
        entries.user_id,
        entries.entry_number,
        entries.occurred_at as entered_at,
        last_visits.step_id as last_step_id,
        last_visits.occurred_at as last_visited_at,
        entries.exited_at,
        {{ end_of_window('entries.exited_at', 'journeys.attribution_window_minutes') }} as window_ends_at,
        converted_entries.entry_number is not null as is_converted,
        -- A user is counted with the first entry, whichever one converted.
        case when entries.entry_number = 1 then first_conversions.occurred_at end as user_first_converted_at,
        entries.pair_hash,
        {{ newest_batch() }} as batch_number,
        {{ newest_batch('newest_user_batch_number') }} as user_batch_number,
        {{ newest_batch('newest_definition_batch_number') }} as definition_batch_number
    from entries
    left join journeys on entries.journey_id = journeys.journey_id
    left join last_visits
        on
            entries.journey_id = last_visits.journey_id
            and entries.user_id = last_visits.user_id
            and entries.entry_number = last_visits.entry_number
    left join converted_entries
        on
            entries.journey_id = converted_entries.journey_id
            and entries.user_id = converted_entries.user_id
            and entries.entry_number = converted_entries.entry_number
    left join first_conversions
        on entries.journey_id = first_conversions.journey_id and entries.user_id = first_conversions.user_id

)

select * from milestones
