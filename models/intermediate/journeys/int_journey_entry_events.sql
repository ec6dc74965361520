-- Grain: one journey_exited or step_entered event, with the number of the entry it belongs to; null when unmatched.
-- Messages and outcomes are left out: no published number asks which entry they belong to.
with events_with_instance as (

    select * from {{ ref('int_journey_events') }}
    where
        event_type in ('journey_exited', 'step_entered')
        and journey_instance_id is not null
        and {{ is_touched() }}

),

entries_with_instance as (

    select * from {{ ref('int_journey_entries') }}
    where journey_instance_id is not null and {{ is_touched() }}

),

-- An instance id outranks the clock, but only an entry that carries the same one and came first can be meant.
same_instance as (

    select
        events_with_instance.event_id,
        entries_with_instance.entry_number
    from events_with_instance
    inner join entries_with_instance
        on
            events_with_instance.journey_id = entries_with_instance.journey_id
            and events_with_instance.user_id = entries_with_instance.user_id
            and events_with_instance.journey_instance_id = entries_with_instance.journey_instance_id
            and events_with_instance.occurred_at >= entries_with_instance.entered_at
    where
        entries_with_instance.instance_entered_again_at is null
        or events_with_instance.occurred_at < entries_with_instance.instance_entered_again_at

),

events_and_entries as (

    select
        event_id,
        journey_id,
        user_id,
        event_type,
        step_id,
        occurred_at,
        pair_hash
    from {{ ref('int_journey_events') }}
    where event_type in ('journey_entered', 'journey_exited', 'step_entered') and {{ is_touched() }}

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
        following_an_entry.event_id,
        following_an_entry.journey_id,
        following_an_entry.user_id,
        following_an_entry.event_type,
        following_an_entry.step_id,
        following_an_entry.occurred_at,
        coalesce(same_instance.entry_number, nullif(following_an_entry.latest_entry_number, 0)) as entry_number,
        following_an_entry.pair_hash,
        {{ newest_batch() }} as batch_number
    from following_an_entry
    left join same_instance on following_an_entry.event_id = same_instance.event_id
    where following_an_entry.event_type != 'journey_entered'

)

select * from belonging_to_an_entry
