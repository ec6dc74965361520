-- Grain: one user, step, event type, platform and outcome with at least one accepted event.
-- The one place where events are counted: published numbers and the user lists behind them are sums of these rows.
with step_events as (

    select
        journey_id,
        step_id,
        user_id,
        event_type,
        -- Only where a published number asks for them; elsewhere they would only split the rows.
        case
            when event_type in ('message_sent', 'message_failed', 'message_clicked')
                then case when platform in ('android', 'ios') then platform else 'other_platform' end
        end as platform,
        case when event_type = 'step_outcome' then coalesce(outcome, '(none)') end as outcome,
        occurred_at,
        pair_hash
    from {{ ref('int_journey_events') }}
    where step_id is not null and {{ is_touched() }}

),

counted as (

    select
        journey_id,
        step_id,
        user_id,
        event_type,
        platform,
        outcome,
        count(*) as event_count,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        min(pair_hash) as pair_hash,
        {{ newest_batch() }} as batch_number
    from step_events
    group by journey_id, step_id, user_id, event_type, platform, outcome

)

select * from counted
