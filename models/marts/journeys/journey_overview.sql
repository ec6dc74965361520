-- Grain: one journey that is defined or has an accepted event.
with known_journeys as (

    select * from {{ ref('int_known_journeys') }}

),

messages as (

    select
        journey_id,
        cast(sum(event_count) as bigint) as messages_sent
    from {{ ref('int_journey_step_event_counts') }}
    where event_type = 'message_sent'
    group by journey_id

),

entries as (

    select
        journey_id,
        count(*) as total_entries,
        count(*) filter (where entry_state = 'converted') as converted_entries,
        count(*) filter (where entry_state = 'active') as active_entries,
        count(*) filter (where entry_state = 'exited_window_open') as exited_window_open_entries,
        count(*) filter (where entry_state = 'exited_window_closed') as exited_window_closed_entries,
        min(entered_at) as first_entered_at,
        max(entered_at) as last_entered_at
    from {{ ref('int_journey_entry_states') }}
    group by journey_id

),

users as (

    select
        journey_id,
        cast(sum(entry_user_count) as bigint) as entry_user_count,
        cast(sum(converted_users) as bigint) as converted_users,
        cast(sum(matured_entry_user_count) as bigint) as matured_entry_user_count,
        cast(sum(matured_converted_users) as bigint) as matured_converted_users
    from {{ ref('int_journey_cohorts') }}
    group by journey_id

),

conversions as (

    select
        journey_id,
        count(*) as conversion_events
    from {{ ref('int_journey_conversions') }}
    group by journey_id

),

overview as (

    select
        known_journeys.journey_id,
        known_journeys.journey_name,
        known_journeys.conversion_event_name,
        known_journeys.attribution_window_minutes,
        coalesce(messages.messages_sent, 0) as messages_sent,
        coalesce(entries.total_entries, 0) as total_entries,
        coalesce(users.entry_user_count, 0) as entry_user_count,
        coalesce(users.converted_users, 0) as converted_users,
        {{ percentage('users.converted_users', 'users.entry_user_count') }} as conversion_rate_pct,
        -- An entry that converted is counted as converted, even when it exited.
        coalesce(entries.exited_window_open_entries + entries.exited_window_closed_entries, 0) as total_exits,
        coalesce(entries.converted_entries, 0) as converted_entries,
        coalesce(conversions.conversion_events, 0) as conversion_events,
        coalesce(entries.active_entries, 0) as active_entries,
        coalesce(entries.exited_window_open_entries, 0) as exited_window_open_entries,
        coalesce(entries.exited_window_closed_entries, 0) as exited_window_closed_entries,
        coalesce(users.matured_entry_user_count, 0) as matured_entry_user_count,
        coalesce(users.matured_converted_users, 0) as matured_converted_users,
        {{ percentage('users.matured_converted_users', 'users.matured_entry_user_count') }}
            as matured_conversion_rate_pct,
        entries.first_entered_at,
        entries.last_entered_at,
        completeness.data_complete_at
    from known_journeys
    cross join {{ ref('int_data_completeness') }} as completeness
    left join messages on known_journeys.journey_id = messages.journey_id
    left join entries on known_journeys.journey_id = entries.journey_id
    left join users on known_journeys.journey_id = users.journey_id
    left join conversions on known_journeys.journey_id = conversions.journey_id

)

select * from overview
