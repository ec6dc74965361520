-- Grain: one accepted event that names a step, in the words in which it is counted.
with journey_events as (

    select * from {{ ref('int_journey_events') }}
    where step_id is not null

),

step_events as (

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
        occurred_at
    from journey_events

)

select * from step_events
