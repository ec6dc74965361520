-- Nothing disappears between a raw table and its events. The rows are counted here once more, from staging and without
-- a subtraction: distinct ids of usable rows are what must be accepted, their other rows the duplicates. A batch that
-- was skipped, taken twice or deduplicated by something else than the id would show here and in no other number.
{{ config(tags=['whole_history']) }}

with delivered as (

    select
        'journey_events' as raw_table,
        event_id,
        reject_reason
    from {{ ref('stg_journey_events') }}

    union all

    select
        'user_events' as raw_table,
        event_id,
        reject_reason
    from {{ ref('stg_user_events') }}

),

counted as (

    select
        raw_table,
        count(*) as raw_rows,
        count(distinct event_id) filter (where reject_reason is null) as accepted_rows,
        count(*) filter (where reject_reason is null)
        - count(distinct event_id) filter (where reject_reason is null) as duplicate_rows,
        count(*) filter (where reject_reason is not null) as rejected_rows
    from delivered
    group by raw_table

)

select
    coalesce(counted.raw_table, published.raw_table) as raw_table,
    counted.raw_rows,
    published.raw_rows as published_raw_rows,
    counted.accepted_rows,
    published.accepted_rows as published_accepted_rows,
    counted.duplicate_rows,
    published.duplicate_rows as published_duplicate_rows,
    counted.rejected_rows,
    published.rejected_rows as published_rejected_rows
from counted
full outer join {{ ref('load_reconciliation') }} as published on counted.raw_table = published.raw_table
where
    coalesce(counted.raw_rows, 0) is distinct from published.raw_rows
    or coalesce(counted.accepted_rows, 0) is distinct from published.accepted_rows
    or coalesce(counted.duplicate_rows, 0) is distinct from published.duplicate_rows
    or coalesce(counted.rejected_rows, 0) is distinct from published.rejected_rows
