-- Every row that was counted as rejected can be looked up with its reason, and no other row is there. A count without
-- the rows behind it tells nobody what to repair at the source.
with readable as (

    select
        raw_table,
        count(*) as rejected_rows
    from {{ ref('rejected_events') }}
    group by raw_table

)

select
    coalesce(readable.raw_table, reconciliation.raw_table) as raw_table,
    readable.rejected_rows as readable_rows,
    reconciliation.rejected_rows as counted_rows
from readable
full outer join {{ ref('load_reconciliation') }} as reconciliation on readable.raw_table = reconciliation.raw_table
where coalesce(readable.rejected_rows, 0) is distinct from reconciliation.rejected_rows
