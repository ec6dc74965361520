-- Every accepted journey_entered event is one entry of its journey and its user one of those who entered. Without
-- this, a join on the way to the overview could lose entries or double them, and all states would still add up.
{{ config(tags=['whole_history']) }}

with accepted as (

    select
        journey_id,
        count(*) as total_entries,
        count(distinct user_id) as entry_user_count
    from {{ ref('int_journey_events') }}
    where event_type = 'journey_entered'
    group by journey_id

)

select
    coalesce(accepted.journey_id, overview.journey_id) as journey_id,
    accepted.total_entries as accepted_entries,
    overview.total_entries as published_entries,
    accepted.entry_user_count as accepted_users,
    overview.entry_user_count as published_users
from accepted
full outer join {{ ref('journey_overview') }} as overview on accepted.journey_id = overview.journey_id
where
    coalesce(accepted.total_entries, 0) is distinct from overview.total_entries
    or coalesce(accepted.entry_user_count, 0) is distinct from overview.entry_user_count
