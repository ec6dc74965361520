-- Grain: one delivery of a conversion event of a journey, with the batch that touched its user there.
with deliveries as (

    select
        event_name,
        user_id,
        batch_number
    from {{ ref('int_user_event_rows') }}
    where reject_reason is null

    union all

    -- A late twin can take an event away from one user or name and give it to another.
    select
        event_name,
        user_id,
        changed_batch_number as batch_number
    from {{ ref('int_user_event_redeliveries') }}

),

candidates as (

    select
        {{ pair_hash('journeys.journey_id', 'deliveries.user_id') }} as pair_hash,
        deliveries.batch_number
    from deliveries
    inner join {{ ref('int_journeys') }} as journeys on deliveries.event_name = journeys.conversion_event_name

)

select * from candidates
