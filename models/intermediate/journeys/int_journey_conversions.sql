-- Grain: one conversion event of a journey, credited to the one entry it converts.
-- The same user event can be a conversion event of several journeys.
with entries as (

    select * from {{ ref('int_journey_entries') }}
    where {{ is_touched() }}

),

exits as (

    select * from {{ ref('int_journey_exits') }}
    where {{ is_touched() }}

),

-- What the journey counts as a conversion, at any time and by anybody.
conversion_events as (

    select
        journeys.journey_id,
        journeys.attribution_window_minutes,
        user_events.user_id,
        user_events.event_id,
        user_events.occurred_at,
        {{ pair_hash('journeys.journey_id', 'user_events.user_id') }} as pair_hash
    from {{ ref('int_user_events') }} as user_events
    inner join {{ ref('int_journeys') }} as journeys
        on user_events.event_name = journeys.conversion_event_name

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
        entries.entry_id,
        entries.entry_number,
        entries.pair_hash,
        row_number() over (
            partition by candidates.journey_id, candidates.event_id
            order by entries.entry_number desc
        ) as entry_recency
    from candidates
    inner join entries
        on
            candidates.journey_id = entries.journey_id
            and candidates.user_id = entries.user_id
            -- Both ends count: the moment of entry, and the last microsecond of the window.
            and candidates.occurred_at >= entries.entered_at
            -- What caused the entry is not its result. It may still convert an earlier entry.
            and candidates.event_id is distinct from entries.trigger_event_id
    left join exits
        on
            entries.journey_id = exits.journey_id
            and entries.user_id = exits.user_id
            and entries.entry_number = exits.entry_number
    where
        exits.exited_at is null
        or candidates.occurred_at <= {{ end_of_window('exits.exited_at', 'candidates.attribution_window_minutes') }}

),

-- Valid for several entries, credited to the latest: one event is never counted twice.
credited as (

    select
        event_id,
        journey_id,
        user_id,
        occurred_at,
        entry_id,
        entry_number,
        row_number() over (
            partition by journey_id, user_id
            order by occurred_at, event_id
        ) = 1 as is_first_conversion,
        pair_hash,
        {{ newest_batch() }} as batch_number,
        {{ newest_batch('newest_user_batch_number') }} as user_batch_number,
        {{ newest_batch('newest_definition_batch_number') }} as definition_batch_number
    from valid_for_an_entry
    where entry_recency = 1

)

select * from credited
