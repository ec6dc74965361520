-- Grain: one delivered row of a user event, cleaned once so that nothing reads raw text again.
-- Rejected rows stay, with their reason and the time as it was delivered.
with {% if is_incremental() %}
grown_loads as (

    {{ grown_loads(this, ref('stg_user_events')) }}

),

{% endif %}
delivered as (

    select * from {{ ref('stg_user_events') }}
    {% if is_incremental() %}
    -- Rows may land late: those of a load that has grown are compared with what is here of it already.
    where loaded_at in (select loaded_at from grown_loads)

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
        revenue,
        properties,
        occurred_at,
        loaded_at,
        reject_reason,
        case when reject_reason is not null then occurred_at_raw end as occurred_at_raw
    from delivered

),

{% if is_incremental() %}
here_already as (

    select * from {{ this }}
    where loaded_at in (select loaded_at from grown_loads)

    union all

    select * from {{ this }}
    where loaded_at is null

),

{% endif %}
arrived as (

    select * from kept
    {% if is_incremental() %}
    -- Each delivery counts: a row that is here once and was delivered twice is new once.
    except all
    select
        event_id,
        user_id,
        event_name,
        revenue,
        properties,
        occurred_at,
        loaded_at,
        reject_reason,
        occurred_at_raw
    from here_already
    {% endif %}

),

keyed as (

    select
        *,
        {{ hash64('event_id') }} as event_id_hash,
        {{ next_batch() }} as batch_number
    from arrived

)

select * from keyed
