-- Grain: one entry of a user into a journey, numbered in the order of that user's entries.
with entered as (

    select * from {{ ref('int_journey_events') }}
    where event_type = 'journey_entered' and {{ is_touched() }}

),

numbered as (

    select
        event_id as entry_id,
        journey_id,
        user_id,
        row_number() over users_entries as entry_number,
        journey_instance_id,
        trigger_event_id,
        occurred_at as entered_at,
        (lag(cast(occurred_at as date)) over users_entries is distinct from cast(occurred_at as date))
            as is_days_first_entry_of_user,
        pair_hash,
        {{ newest_batch() }} as batch_number
    from entered
    window users_entries as (
        partition by journey_id, user_id
        order by occurred_at, event_id
    )

)

select * from numbered
