-- Grain: one entry of a user into a journey, numbered in the order of that user's entries.
with arrived as (

    select * from {{ ref('int_journey_events') }}
    where event_type = 'journey_entered' and {{ is_touched() }}
    {% if is_incremental() %}
    -- Earlier entries of the touched users are here already, and need not be looked for among all events.
    and batch_number > {{ processed_up_to(this) }}
    {% endif %}

),

entered as (

    select
        event_id as entry_id,
        journey_id,
        user_id,
        journey_instance_id,
        trigger_event_id,
        occurred_at as entered_at,
        pair_hash
    from arrived

    {#- While dbt parses it must see what the increments refer to. #}
    {% if is_incremental() or not execute %}
    -- Not all: an entry that is here is the same one when it arrives with the events of a run that was cut off.
    union distinct

    select
        entry_id,
        journey_id,
        user_id,
        journey_instance_id,
        trigger_event_id,
        entered_at,
        pair_hash
    from {{ this }}
    where
        {{ is_touched() }}
        -- A late twin has taken its place, or it has taken that of another user.
        and entry_id not in (
            select event_id from {{ ref('int_journey_event_redeliveries') }}
            where changed_batch_number > {{ processed_up_to(this) }}
        )
        -- Rows from before all events were cleaned anew say what the events no longer may.
        and batch_number >= (select min(batch_number) from {{ ref('int_journey_event_rows') }})
    {% endif %}

),

numbered as (

    select
        entry_id,
        journey_id,
        user_id,
        row_number() over users_entries as entry_number,
        journey_instance_id,
        trigger_event_id,
        entered_at,
        (lag(cast(entered_at as date)) over users_entries is distinct from cast(entered_at as date))
            as is_days_first_entry_of_user,
        pair_hash,
        {{ newest_batch() }} as batch_number
    from entered
    window users_entries as (
        partition by journey_id, user_id
        order by entered_at, entry_id
    )

)

select * from numbered
