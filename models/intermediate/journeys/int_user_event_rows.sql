-- Grain: one delivered row of a user event, cleaned once so that nothing reads raw text again.
-- Rejected rows stay, with their reason and the time as it was delivered.
with delivered as (

    select * from {{ ref('stg_user_events') }}

),

keyed as (

    select
        event_id,
        user_id,
        event_name,
        revenue,
        properties,
        occurred_at,
        loaded_at,
        reject_reason,
        case when reject_reason is not null then occurred_at_raw end as rejected_occurred_at,
        {{ hash64('event_id') }} as event_id_hash
    from delivered

)

select * from keyed
