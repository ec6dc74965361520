-- Grain: one entry of a user into a journey, with what time and conversions have made of it.
-- Never incremental: windows close by time alone, without any new row of the entry.
with entries as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_entered'

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

converted_entries as (

    select
        journey_id,
        user_id,
        entry_number
    from {{ ref('int_journey_conversions') }}
    group by journey_id, user_id, entry_number

),

windowed as (

    select
        entries.journey_id,
        entries.user_id,
        entries.entry_number,
        entries.occurred_at as entered_at,
        entries.exited_at,
        converted_entries.entry_number is not null as is_converted,
        -- Exactly at the end of the window a conversion can still arrive, so the window is not over yet.
        coalesce(
            completeness.data_complete_at
            > {{ end_of_window('entries.exited_at', 'journeys.attribution_window_minutes') }},
            false
        ) as is_window_over
    from entries
    cross join {{ ref('int_data_completeness') }} as completeness
    left join journeys on entries.journey_id = journeys.journey_id
    left join converted_entries
        on
            entries.journey_id = converted_entries.journey_id
            and entries.user_id = converted_entries.user_id
            and entries.entry_number = converted_entries.entry_number

),

states as (

    select
        *,
        case
            when is_converted then 'converted'
            when exited_at is null then 'active'
            when is_window_over then 'exited_window_closed'
            else 'exited_window_open'
        end as entry_state
    from windowed

)

select * from states
