-- Each visit continued, exited, waits or is unmatched, and only an exited one can be a drop-off. A visit that ends in
-- two ways, or in none, would make the flow of a step leak.
select
    journey_id,
    step_id,
    entry_count,
    continued_count,
    exited_count,
    waiting_count,
    unmatched_count,
    dropped_off_count
from {{ ref('journey_step_flow') }}
where
    entry_count is distinct from continued_count + exited_count + waiting_count + unmatched_count
    or dropped_off_count > exited_count
