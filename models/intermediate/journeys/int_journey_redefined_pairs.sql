-- Grain: one entry, with the batch that last changed the definition of its journey.
with redefined as (

    select
        entries.pair_hash,
        journeys.batch_number
    from {{ ref('int_journey_entries') }} as entries
    inner join {{ ref('int_journeys') }} as journeys on entries.journey_id = journeys.journey_id

)

select * from redefined
