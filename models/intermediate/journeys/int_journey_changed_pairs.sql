-- Grain: one delivery of an event of a user in a journey, with the batch that touched that user there.
with touched as (

    select
        pair_hash,
        event_type,
        batch_number
    from {{ ref('int_journey_event_rows') }}
    where reject_reason is null

    union all

    -- A late twin can take an event away from one user or journey and give it to another.
    select
        pair_hash,
        event_type,
        changed_batch_number as batch_number
    from {{ ref('int_journey_event_redeliveries') }}

)

select * from touched
