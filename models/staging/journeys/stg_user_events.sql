-- Grain: one delivered row of a user event. None is dropped: a row that cannot be used says why in reject_reason.
with deliveries as (

    -- {{ after_sample_seed('user_events') }}
    select
        *,
        -- A warehouse may deliver the time as a timestamp; read as text, both follow one rule.
        cast(occurred_at as {{ dbt.type_string() }}) as occurred_at_raw
    from {{ source('raw', 'user_events') }}

),

cleaned as (

    select
        {{ clean_text('event_id') }} as event_id,
        {{ clean_text('user_id') }} as user_id,
        {{ lower_case(clean_text('event_name')) }} as event_name,
        revenue,
        properties,
        occurred_at_raw,
        {{ clean_text('occurred_at_raw') }} as occurred_at_text,
        cast(loaded_at as timestamp) as loaded_at
    from deliveries

),

timed as (

    select
        *,
        {{ utc_timestamp('occurred_at_text') }} as occurred_at
    from cleaned

),

judged as (

    select
        event_id,
        user_id,
        event_name,
        revenue,
        properties,
        occurred_at_raw,
        occurred_at,
        loaded_at,
        -- The order is that of the rule: a row with several faults is counted under the first.
        case
            when event_id is null then 'missing_event_id'
            when user_id is null then 'missing_user_id'
            when event_name is null then 'missing_event_name'
            when loaded_at is null then 'missing_loaded_at'
            when occurred_at is null then 'unreadable_time'
            when {{ is_from_the_future('occurred_at', 'loaded_at') }} then 'from_the_future'
        end as reject_reason
    from timed

)

select * from judged
