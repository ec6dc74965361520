-- Grain: one conversion event of a journey, credited to the one entry it converts.
-- The same user event can be a conversion event of several journeys.
with entered as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_entered' and {{ is_touched() }}

),

triggers as (

    select * from {{ ref('int_journey_entries') }}
    where trigger_event_id is not null and {{ is_touched() }}

),

entries as (

    select
        entered.journey_id,
        entered.user_id,
        entered.entry_number,
        entered.occurred_at as entered_at,
        -- Null while the user is in the journey.
        {{ end_of_window('entered.exited_at', 'journeys.attribution_window_minutes') }} as window_ends_at,
        triggers.trigger_event_id,
        entered.pair_hash
    from entered
    inner join {{ ref('int_journeys') }} as journeys on entered.journey_id = journeys.journey_id
    left join triggers
        on
            entered.journey_id = triggers.journey_id
            and entered.user_id = triggers.user_id
            and entered.entry_number = triggers.entry_number

),

-- What the journey counts as a conversion, at any time and by anybody.
conversion_events as (

    select
        journeys.journey_id,
        user_events.user_id,
        user_events.event_id,
        user_events.occurred_at,
        {{ pair_hash('journeys.journey_id', 'user_events.user_id') }} as pair_hash
    from {{ ref('int_user_events') }} as user_events
    inner join {{ ref('int_journeys') }} as journeys on user_events.event_name = journeys.conversion_event_name

),

candidates as (

    select * from conversion_events
    where {{ is_touched() }}

),

valid_for_an_entry as (

    select
        candidates.event_id,
        candidates.journey_id,
        candidates.user_id,
        candidates.occurred_at,
        entries.entry_number,
        entries.pair_hash
    from candidates
    inner join entries
        on
            candidates.journey_id = entries.journey_id
            and candidates.user_id = entries.user_id
            -- Both ends count: the moment of entry, and the last microsecond of the window.
            and candidates.occurred_at >= entries.entered_at
            and (entries.window_ends_at is null or candidates.occurred_at <= entries.window_ends_at)
            -- What caused the entry is not its result. It may still convert an earlier entry.
            and candidates.event_id is distinct from entries.trigger_event_id

),

credited as (

    select
        event_id,
        journey_id,
        user_id,
        occurred_at,
        -- Valid for several entries, credited to the latest: one event is never counted twice.
        max(entry_number) as entry_number,
        row_number() over (partition by journey_id, user_id order by occurred_at, event_id) = 1 as is_first_conversion,
        pair_hash,
        {{ newest_batch() }} as batch_number,
        {{ newest_batch('newest_user_batch_number') }} as user_batch_number,
        {{ newest_batch('newest_definition_batch_number') }} as definition_batch_number
    from valid_for_an_entry
    group by event_id, journey_id, user_id, occurred_at, pair_hash

)

select * from credited
