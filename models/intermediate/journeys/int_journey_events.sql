-- Grain: one accepted journey event.
with usable_rows as (

    select * from {{ ref('int_journey_event_rows') }}
    where reject_reason is null

),

redeliveries as (

    select * from {{ ref('int_journey_event_redeliveries') }}

),

redelivered_hashes as (

    select event_id_hash
    from redeliveries
    group by event_id_hash

),

delivered_once as (

    select usable_rows.*
    from usable_rows
    left join redelivered_hashes on usable_rows.event_id_hash = redelivered_hashes.event_id_hash
    where redelivered_hashes.event_id_hash is null

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
        exit_reason,
        occurred_at,
        loaded_at,
        pair_hash
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
        exit_reason,
        occurred_at,
        loaded_at,
        pair_hash
    from redeliveries
    where delivery_number = 1

)

select * from accepted
