-- A raw row that is neither accepted nor a duplicate nor rejected has landed outside the lookback, and when there are
-- more of these than raw rows, some raw rows are gone. One run with --full-refresh makes the tables what the raw rows
-- are. Cheap, because it adds up what is published, so every run looks at it.
select *
from {{ ref('load_reconciliation') }}
where raw_rows is distinct from accepted_rows + duplicate_rows + rejected_rows
