-- Grain: one place on a user's way, the entry itself or a visit to a step, with what came next of it.
-- Messages and outcomes are left out: no published number asks which entry they belong to.
-- Longer than other models, because two would write and read all events once more.
with exits_and_visits as (

    select * from {{ ref('int_journey_events') }}
    where event_type in ('journey_exited', 'step_entered') and {{ is_touched() }}

),

-- Entries are imported where they are used: DuckDB reads every column of a step that is used twice.
entries as (

    select * from {{ ref('int_journey_entries') }}
    where {{ is_touched() }}

),

-- An instance id outranks the clock, but only an entry that carries the same one and came first can be meant.
entries_with_instance as (

    select
        *,
        -- From the moment on when the same instance is entered again, an event with its id means the later entry.
        -- Without another entry that moment is later than any event can be.
        lead(entered_at, 1, timestamp '9999-12-31 00:00:00' + interval '2' day) over (
            partition by journey_id, user_id, journey_instance_id
            order by entry_number
        ) as meant_before
    from {{ ref('int_journey_entries') }}
    where journey_instance_id is not null and {{ is_touched() }}

),

pairs_of_rows as (

    select
        journey_id,
        user_id,
        pair_hash
    from {{ ref('int_journey_entries') }}
    where {{ is_touched() }}

    union all

    select
        journey_id,
        user_id,
        pair_hash
    -- Of all usable rows: pairs of duplicates do no harm, and accepted events used twice DuckDB would hold whole.
    from {{ ref('int_journey_event_rows') }}
    where reject_reason is null and event_type in ('journey_exited', 'step_entered') and {{ is_touched() }}

),

pairs as (

    select
        journey_id,
        user_id,
        pair_hash
    from pairs_of_rows
    group by journey_id, user_id, pair_hash

),

-- All that follows sorts by the hash, which takes half the time of sorting by two texts, and by this number: 1, but
-- where pairs share a hash it tells them apart.
numbered_pairs as (

    select
        *,
        cast(row_number() over (partition by pair_hash order by journey_id, user_id) as integer) as number_in_hash
    from pairs

),

-- Exits (1) first, then entries (2), then visits (3): after the entry and after a visit comes a visit or nothing.
events as (

    select
        event_id,
        journey_id,
        user_id,
        case event_type when 'journey_exited' then 1 else 3 end as place_in_entry,
        step_id,
        journey_instance_id,
        occurred_at,
        null as entry_number,
        pair_hash
    from exits_and_visits

    union all

    select
        entry_id as event_id,
        journey_id,
        user_id,
        2 as place_in_entry,
        null as step_id,
        null as journey_instance_id,
        entered_at as occurred_at,
        entry_number,
        pair_hash
    from entries

),

narrow_events as (

    select
        events.pair_hash,
        coalesce(numbered_pairs.number_in_hash, 1) as number_in_hash,
        events.event_id,
        events.place_in_entry,
        events.step_id,
        events.occurred_at,
        coalesce(events.entry_number, entries_with_instance.entry_number) as named_entry_number
    from events
    left join entries_with_instance
        on
            events.journey_id = entries_with_instance.journey_id
            and events.user_id = entries_with_instance.user_id
            and events.journey_instance_id = entries_with_instance.journey_instance_id
            and events.occurred_at >= entries_with_instance.entered_at
            and events.occurred_at < entries_with_instance.meant_before
    left join numbered_pairs
        on
            events.journey_id = numbered_pairs.journey_id
            and events.user_id = numbered_pairs.user_id
            and numbered_pairs.number_in_hash > 1

),

following_an_entry as (

    select
        *,
        -- All rows of one moment count for each other, so an event at the moment of an entry follows it.
        count(case when place_in_entry = 2 then 1 end) over (
            partition by pair_hash, number_in_hash
            order by occurred_at
            range between unbounded preceding and current row
        ) as latest_entry_number
    from narrow_events

),

belonging_to_an_entry as (

    select
        pair_hash,
        number_in_hash,
        event_id,
        place_in_entry,
        step_id,
        occurred_at,
        coalesce(named_entry_number, nullif(latest_entry_number, 0)) as entry_number
    from following_an_entry

),

in_order as (

    select
        *,
        min(case when place_in_entry = 1 then occurred_at end)
            over (partition by pair_hash, number_in_hash, entry_number) as earliest_exit_at,
        lead(step_id) over entry_in_order as following_step_id,
        lead(occurred_at) over entry_in_order as followed_at,
        entry_number is not null as is_matched
    from belonging_to_an_entry
    window entry_in_order as (
        partition by pair_hash, number_in_hash, entry_number
        order by place_in_entry, occurred_at, event_id
    )

),

-- What belongs to no entry is no run through the journey, so it has no exit, no order and no next visit.
with_next_visit as (

    select
        pair_hash,
        number_in_hash,
        step_id,
        occurred_at,
        entry_number,
        case when place_in_entry = 2 then earliest_exit_at end as exited_at,
        case when is_matched then following_step_id end as next_step_id,
        -- Visits after the exit still belong to the entry, so these can be negative.
        case
            when is_matched then {{ microseconds_between('occurred_at', 'coalesce(followed_at, earliest_exit_at)') }}
        end as microseconds_to_next,
        case
            when not is_matched then 'unmatched'
            when followed_at is not null then 'continued'
            when earliest_exit_at is not null then 'exited'
            else 'waiting'
        end as visit_state
    from in_order
    where place_in_entry != 1

),

-- Of each user's rows at a step, and of those with the same transition, one counts the user: what is published as
-- distinct users is then a sum, at any size. An entry is at no step.
with_user_flags as (

    select
        *,
        row_number() over step_by_transition = 1 as is_users_first_at_step,
        (
            lag(visit_state) over step_by_transition is distinct from visit_state
            or lag(next_step_id) over step_by_transition is distinct from next_step_id
        ) as is_users_first_in_transition
    from with_next_visit
    window step_by_transition as (
        partition by pair_hash, number_in_hash, step_id
        order by visit_state, next_step_id
    )

),

with_names as (

    select
        numbered_pairs.journey_id,
        numbered_pairs.user_id,
        case when with_user_flags.step_id is null then 'journey_entered' else 'step_entered' end as event_type,
        with_user_flags.step_id,
        with_user_flags.occurred_at,
        with_user_flags.entry_number,
        with_user_flags.exited_at,
        with_user_flags.next_step_id,
        with_user_flags.microseconds_to_next,
        with_user_flags.visit_state,
        with_user_flags.is_users_first_at_step,
        with_user_flags.is_users_first_in_transition,
        numbered_pairs.pair_hash,
        {{ newest_batch() }} as batch_number
    from with_user_flags
    inner join numbered_pairs
        on
            with_user_flags.pair_hash = numbered_pairs.pair_hash
            and with_user_flags.number_in_hash = numbered_pairs.number_in_hash

)

select * from with_names
