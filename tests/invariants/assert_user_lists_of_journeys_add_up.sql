-- Behind each number of a journey stands the list of its users: their counts sum up to the number, and where the
-- number of users is published too, the list is as long. A list that says something else than the number it explains
-- is worse than none. Both directions count: a number without its list, and a list without its number.
{{ config(tags=['whole_history', 'user_lists']) }}

with listed as (

    select
        metric,
        journey_id,
        sum(event_count) as listed_number,
        count(*) as listed_users,
        count(*) filter (
            where event_count < 1 or user_id is null or first_at is null or last_at is null
        ) as listed_for_nothing
    from {{ ref('journey_metric_users') }}
    where step_id is null
    group by metric, journey_id

),

published as (

    select
        metrics.metric,
        overview.journey_id,
        case metrics.metric
            when 'messages_sent' then overview.messages_sent
            when 'total_entries' then overview.total_entries
            when 'converted_users' then overview.converted_users
            when 'conversion_events' then overview.conversion_events
            when 'total_exits' then overview.total_exits
        end as published_number,
        case metrics.metric
            when 'total_entries' then overview.entry_user_count
            when 'converted_users' then overview.converted_users
        end as published_users
    from {{ ref('journey_overview') }} as overview
    cross join (
        values
        ('messages_sent'),
        ('total_entries'),
        ('converted_users'),
        ('conversion_events'),
        ('total_exits')
    ) as metrics (metric)

)

select
    coalesce(listed.metric, published.metric) as metric,
    coalesce(listed.journey_id, published.journey_id) as journey_id,
    published.published_number,
    listed.listed_number,
    published.published_users,
    listed.listed_users,
    listed.listed_for_nothing
from listed
full outer join published on listed.metric = published.metric and listed.journey_id = published.journey_id
where
    published.published_number is distinct from coalesce(listed.listed_number, 0)
    or published.published_users != coalesce(listed.listed_users, 0)
    or listed.listed_for_nothing > 0
