-- Grain: one user behind one metric of a whole journey.
with messages_sent as (

    select * from {{ ref('int_journey_step_events') }}
    where event_type = 'message_sent'

),

-- Each of the following is used once: a step that is used twice DuckDB makes of all users, also where somebody asks
-- for a few of them.
entries as (

    select * from {{ ref('int_journey_entry_milestones') }}

),

unconverted_exits as (

    select * from {{ ref('int_journey_entry_milestones') }}
    where exited_at is not null and not is_converted

),

first_conversions as (

    select * from {{ ref('int_journey_conversions') }}
    where is_first_conversion

),

conversions as (

    select * from {{ ref('int_journey_conversions') }}

),

counted_moments as (

    select
        'messages_sent' as metric,
        journey_id,
        user_id,
        occurred_at as counted_at
    from messages_sent

    union all

    select
        'total_entries' as metric,
        journey_id,
        user_id,
        entered_at as counted_at
    from entries

    union all

    select
        'total_exits' as metric,
        journey_id,
        user_id,
        exited_at as counted_at
    from unconverted_exits

    union all

    select
        'converted_users' as metric,
        journey_id,
        user_id,
        occurred_at as counted_at
    from first_conversions

    union all

    select
        'conversion_events' as metric,
        journey_id,
        user_id,
        occurred_at as counted_at
    from conversions

),

metric_users as (

    select
        metric,
        journey_id,
        user_id,
        count(*) as event_count,
        min(counted_at) as first_at,
        max(counted_at) as last_at
    from counted_moments
    group by metric, journey_id, user_id

)

select * from metric_users
