-- Grain: one journey and UTC day on which something of it was counted.
-- Each number stands on the day of its own moment, so the days sum up to the overview.
with messages as (

    select
        journey_id,
        sent_date as date_day,
        cast(sum(event_count) as bigint) as messages_sent
    from {{ ref('int_journey_event_counts') }}
    where event_type = 'message_sent'
    group by journey_id, sent_date

),

entries as (

    select
        journey_id,
        cast(entered_at as date) as date_day,
        count(*) as total_entries,
        count(*) filter (where is_days_first_entry_of_user) as entry_user_count,
        count(*) filter (where entry_number = 1) as new_entry_user_count
    from {{ ref('int_journey_entries') }}
    group by journey_id, cast(entered_at as date)

),

first_conversions as (

    select
        journey_id,
        cast(occurred_at as date) as date_day,
        count(*) as converted_users
    from {{ ref('int_journey_conversions') }}
    where is_first_conversion
    group by journey_id, cast(occurred_at as date)

),

exits as (

    select
        journey_id,
        cast(exited_at as date) as date_day,
        count(*) as total_exits
    from {{ ref('int_journey_entry_states') }}
    where entry_state in ('exited_window_open', 'exited_window_closed')
    group by journey_id, cast(exited_at as date)

),

counted_days as (

    select
        journey_id,
        date_day
    from messages
    union
    select
        journey_id,
        date_day
    from entries
    union
    select
        journey_id,
        date_day
    from first_conversions
    union
    select
        journey_id,
        date_day
    from exits

),

daily as (

    select
        counted_days.journey_id,
        counted_days.date_day,
        coalesce(messages.messages_sent, 0) as messages_sent,
        coalesce(entries.total_entries, 0) as total_entries,
        coalesce(entries.entry_user_count, 0) as entry_user_count,
        coalesce(entries.new_entry_user_count, 0) as new_entry_user_count,
        coalesce(first_conversions.converted_users, 0) as converted_users,
        coalesce(exits.total_exits, 0) as total_exits
    from counted_days
    left join messages using (journey_id, date_day)
    left join entries using (journey_id, date_day)
    left join first_conversions using (journey_id, date_day)
    left join exits using (journey_id, date_day)

)

select * from daily
