-- Whoever arrives at a step goes on, exits or waits there, so the transitions into a step, its matched visits and the
-- transitions out of it are the same number. A difference is a gap in a flow chart. Unmatched visits make none.
with ends as (

    select
        journey_id,
        to_step_id as step_id,
        transition_count as inbound_count,
        0 as outbound_count
    from {{ ref('journey_step_transitions') }}
    where to_step_id is not null

    union all

    select
        journey_id,
        from_step_id as step_id,
        0 as inbound_count,
        transition_count as outbound_count
    from {{ ref('journey_step_transitions') }}
    where from_step_id is not null

),

steps as (

    select
        journey_id,
        step_id,
        sum(inbound_count) as inbound_count,
        sum(outbound_count) as outbound_count
    from ends
    group by journey_id, step_id

)

select
    coalesce(steps.journey_id, flow.journey_id) as journey_id,
    coalesce(steps.step_id, flow.step_id) as step_id,
    steps.inbound_count,
    flow.entry_count - flow.unmatched_count as matched_visit_count,
    steps.outbound_count
from steps
full outer join {{ ref('journey_step_flow') }} as flow
    on steps.journey_id = flow.journey_id and steps.step_id = flow.step_id
where
    coalesce(steps.inbound_count, 0) is distinct from flow.entry_count - flow.unmatched_count
    or coalesce(steps.outbound_count, 0) is distinct from flow.entry_count - flow.unmatched_count
