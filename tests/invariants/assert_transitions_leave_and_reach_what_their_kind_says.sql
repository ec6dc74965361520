-- The kinds of transitions are told apart by their ends, and the sums over a journey and over a step rely on it: an
-- entry that comes from a step, or an exit that leads to one, would be counted on the wrong side of both.
select *
from {{ ref('journey_step_transitions') }}
where
    (transition_kind = 'entry' and not (from_step_id is null and to_step_id is not null))
    or (transition_kind = 'step' and not (from_step_id is not null and to_step_id is not null))
    or (transition_kind in ('exit', 'waiting') and to_step_id is not null)
    or (transition_kind = 'waiting' and median_seconds is not null)
