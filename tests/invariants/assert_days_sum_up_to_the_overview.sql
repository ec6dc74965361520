-- The days of a journey add up to its overview. Each number stands on the day of its own moment: one on a wrong day,
-- on two days or on none is a line in a chart that nobody can reconcile with the total beside it.
with days as (

    select
        journey_id,
        sum(messages_sent) as messages_sent,
        sum(total_entries) as total_entries,
        sum(new_entry_user_count) as entry_user_count,
        sum(converted_users) as converted_users,
        sum(total_exits) as total_exits
    from {{ ref('journey_overview_daily') }}
    group by journey_id

)

select
    coalesce(days.journey_id, overview.journey_id) as journey_id,
    days.messages_sent as daily_messages,
    overview.messages_sent,
    days.total_entries as daily_entries,
    overview.total_entries,
    days.entry_user_count as daily_new_users,
    overview.entry_user_count,
    days.converted_users as daily_converted_users,
    overview.converted_users,
    days.total_exits as daily_exits,
    overview.total_exits
from days
full outer join {{ ref('journey_overview') }} as overview on days.journey_id = overview.journey_id
where
    coalesce(days.messages_sent, 0) is distinct from overview.messages_sent
    or coalesce(days.total_entries, 0) is distinct from overview.total_entries
    or coalesce(days.entry_user_count, 0) is distinct from overview.entry_user_count
    or coalesce(days.converted_users, 0) is distinct from overview.converted_users
    or coalesce(days.total_exits, 0) is distinct from overview.total_exits
