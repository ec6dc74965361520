-- Grain: one delivered row of a user event, cleaned once so that nothing reads raw text again.
-- Rejected rows stay, with their reason and the time as it was delivered.
with delivered as (

    select * from {{ ref('stg_user_events') }}
    {% if is_incremental() %}
    -- Rows may land late, and a load in parts. Of a load that has grown all rows come again, and the strategy
    -- `append_missing` adds those that are not here yet.
    where loaded_at in ({{ grown_loads(this, ref('stg_user_events')) }})

    union all

    select * from {{ ref('stg_user_events') }}
    where loaded_at is null
    {% endif %}

),

kept as (

    select
        event_id,
        user_id,
        event_name,
        occurred_at,
        loaded_at,
        reject_reason,
        case when reject_reason is not null then occurred_at_raw end as occurred_at_raw
    from delivered

),

keyed as (

    select
        *,
        {{ hash64('event_id') }} as event_id_hash,
        {{ next_batch() }} as batch_number
    from kept

)

select * from keyed
