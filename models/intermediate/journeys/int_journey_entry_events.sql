-- Grain: one journey_exited or step_entered event, with the number of the entry it belongs to; null when unmatched.
-- Messages and outcomes are left out: no published number asks which entry they belong to.
with entries as (

    select * from {{ ref('int_journey_entries') }}

),

events_and_entries as (

    select
        event_id,
        journey_id,
        user_id,
        event_type,
        step_id,
        journey_instance_id,
        occurred_at
    from {{ ref('int_journey_events') }}
    where event_type in ('journey_exited', 'step_entered')

    union all

    select
        entry_id as event_id,
        journey_id,
        user_id,
        'journey_entered' as event_type,
        null as step_id,
        null as journey_instance_id,
        entered_at as occurred_at
    from entries

),

following_an_entry as (

    select
        *,
        -- All rows of one moment count for each other, so an event at the moment of an entry follows it.
        count(*) filter (where event_type = 'journey_entered') over (
            partition by journey_id, user_id
            order by occurred_at
            range between unbounded preceding and current row
        ) as latest_entry_number
    from events_and_entries

),

belonging_to_an_entry as (

    select
        events.event_id,
        events.journey_id,
        events.user_id,
        events.event_type,
        events.step_id,
        events.occurred_at,
        -- An instance id outranks the clock, but only an entry that carries the same one and came first can be meant.
        coalesce(same_instance.entry_number, nullif(events.latest_entry_number, 0)) as entry_number
    from following_an_entry as events
    left join entries as same_instance
        on
            events.journey_id = same_instance.journey_id
            and events.user_id = same_instance.user_id
            and events.journey_instance_id = same_instance.journey_instance_id
            and events.occurred_at >= same_instance.entered_at
            and (
                same_instance.instance_entered_again_at is null
                or events.occurred_at < same_instance.instance_entered_again_at
            )
    where events.event_type != 'journey_entered'

)

select * from belonging_to_an_entry
