-- Grain: one accepted journey event.
-- Each input is imported once: DuckDB reads every column of a step that is used twice.
with delivered_once as (

    select * from {{ ref('int_journey_event_rows') }} as delivered
    where
        reject_reason is null
        and {{ is_none_of(ref('int_journey_event_redeliveries'), 'delivered', 'event_id_hash') }}

),

first_delivered as (

    select * from {{ ref('int_journey_event_redeliveries') }}
    where delivery_number = 1

),

accepted as (

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
        occurred_at,
        loaded_at,
        pair_hash,
        batch_number
    from delivered_once

    union all

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
        occurred_at,
        loaded_at,
        pair_hash,
        changed_batch_number as batch_number
    from first_delivered

)

select * from accepted
