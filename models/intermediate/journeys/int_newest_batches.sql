-- Grain: the one row that says which batches this run works on.
-- Incremental tables record them with the rows they write.
with newest as (

    select
        (select max(batch_number) from {{ ref('int_journey_event_rows') }}) as newest_journey_batch_number,
        (select max(batch_number) from {{ ref('int_user_event_rows') }}) as newest_user_batch_number,
        (select max(batch_number) from {{ ref('int_journeys') }}) as newest_definition_batch_number

)

select * from newest
