-- Two tables count the step_entered events of a step, each in its own way, and readers put them side by side. A visit
-- that only one of them knows was lost or invented while it was matched to an entry.
select
    coalesce(metrics.journey_id, flow.journey_id) as journey_id,
    coalesce(metrics.step_id, flow.step_id) as step_id,
    metrics.entry_count,
    flow.entry_count as visit_count
from {{ ref('journey_step_channel_metrics') }} as metrics
full outer join {{ ref('journey_step_flow') }} as flow
    on metrics.journey_id = flow.journey_id and metrics.step_id = flow.step_id
where
    metrics.step_id is null
    -- A type without this metric says nothing about its visits.
    or (metrics.entry_count is not null and metrics.entry_count != coalesce(flow.entry_count, 0))
