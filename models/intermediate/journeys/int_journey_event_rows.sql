-- Grain: one delivered row of a journey event, cleaned once so that nothing reads raw text again.
-- Rejected rows stay, with their reason and the time as it was delivered.
with delivered as (

    select * from {{ ref('stg_journey_events') }}

),

keyed as (

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
        occurred_at,
        loaded_at,
        reject_reason,
        case when reject_reason is not null then occurred_at_raw end as rejected_occurred_at,
        {{ hash64('event_id') }} as event_id_hash
    from delivered

)

select * from keyed
