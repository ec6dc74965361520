-- Grain: one raw event table. Every delivered row is accepted, a duplicate or rejected; nothing disappears.
with counted_rows as (

    select
        'journey_events' as raw_table,
        (select count(*) from {{ ref('stg_journey_events') }}) as raw_rows,
        (select count(*) from {{ ref('int_journey_event_rows') }}) as stored_rows,
        (select count(*) from {{ ref('int_journey_event_redeliveries') }} where delivery_number > 1) as duplicate_rows,
        (select count(*) from {{ ref('int_journey_event_rows') }} where reject_reason is not null) as rejected_rows

    union all

    select
        'user_events' as raw_table,
        (select count(*) from {{ ref('stg_user_events') }}) as raw_rows,
        (select count(*) from {{ ref('int_user_event_rows') }}) as stored_rows,
        (select count(*) from {{ ref('int_user_event_redeliveries') }} where delivery_number > 1) as duplicate_rows,
        (select count(*) from {{ ref('int_user_event_rows') }} where reject_reason is not null) as rejected_rows

),

reconciled as (

    select
        raw_table,
        raw_rows,
        stored_rows - rejected_rows - duplicate_rows as accepted_rows,
        duplicate_rows,
        rejected_rows
    from counted_rows

)

select * from reconciled
