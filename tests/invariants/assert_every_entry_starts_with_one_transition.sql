-- An entry goes to its first step, or exits or waits without one. So the transitions from nowhere are the entries of
-- the journey: fewer would lose people at the door, more would count one of them twice.
with starts as (

    select
        journey_id,
        sum(transition_count) as start_count
    from {{ ref('journey_step_transitions') }}
    where from_step_id is null
    group by journey_id

)

select
    coalesce(starts.journey_id, overview.journey_id) as journey_id,
    starts.start_count,
    overview.total_entries
from starts
full outer join {{ ref('journey_overview') }} as overview on starts.journey_id = overview.journey_id
where coalesce(starts.start_count, 0) is distinct from overview.total_entries
