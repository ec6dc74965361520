-- Grain: one delivered row of a journey event. None is dropped: a row that cannot be used says why in reject_reason.
with deliveries as (

    -- {{ after_sample_seed('journey_events') }}
    select
        *,
        -- A warehouse may deliver the time as a timestamp; read as text, both follow one rule.
        cast(occurred_at as {{ dbt.type_string() }}) as occurred_at_raw
    from {{ source('raw', 'journey_events') }}

),

cleaned as (

    select
        {{ clean_text('event_id') }} as event_id,
        {{ clean_text('journey_id') }} as journey_id,
        {{ clean_text('user_id') }} as user_id,
        {{ lower_case(clean_text('event_type')) }} as event_type,
        {{ clean_text('step_id') }} as step_id,
        {{ clean_text('journey_instance_id') }} as journey_instance_id,
        {{ clean_text('trigger_event_id') }} as trigger_event_id,
        {{ lower_case(clean_text('platform')) }} as platform,
        {{ clean_text('outcome') }} as outcome,
        {{ clean_text('exit_reason') }} as exit_reason,
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
        journey_id,
        user_id,
        event_type,
        step_id,
        journey_instance_id,
        trigger_event_id,
        platform,
        outcome,
        exit_reason,
        occurred_at_raw,
        occurred_at,
        loaded_at,
        -- The order is that of the rule: a row with several faults is counted under the first.
        case
            when event_id is null then 'missing_event_id'
            when user_id is null then 'missing_user_id'
            when journey_id is null then 'missing_journey_id'
            -- DuckDB makes a join of a longer list, and then reads these columns even for a `count(*)`.
            when event_type is null or not (
                event_type in ('journey_entered', 'journey_exited')
                or event_type in ('step_entered', 'step_outcome')
                or event_type in ('message_sent', 'message_failed', 'message_shown', 'message_clicked')
            ) then 'unknown_event_type'
            when step_id is null and event_type not in ('journey_entered', 'journey_exited') then 'missing_step_id'
            when loaded_at is null then 'missing_loaded_at'
            when occurred_at is null then 'unreadable_time'
            when {{ is_from_the_future('occurred_at', 'loaded_at') }} then 'from_the_future'
        end as reject_reason
    from timed

)

select * from judged
