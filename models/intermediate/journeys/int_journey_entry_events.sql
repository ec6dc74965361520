-- Grain: one journey_exited or step_entered event, with the entry it belongs to and, for a step, the visit after it.
-- Messages and outcomes are left out: no published number asks which entry they belong to.
with journey_events as (

    select * from {{ ref('int_journey_events') }}
    where event_type in ('journey_entered', 'journey_exited', 'step_entered') and {{ is_touched() }}

),

entries as (

    select
        *,
        coalesce(instance_entered_again_at, timestamp '9999-12-31 23:59:59.999999') as meant_before
    from {{ ref('int_journey_entries') }}
    where journey_instance_id is not null and {{ is_touched() }}

),

pairs as (

    select
        journey_id,
        user_id,
        min(pair_hash) as pair_hash
    -- The touched few are read once and held, but all of them would not fit.
    {% if is_incremental() %}
    from journey_events
    {% else %}
    from {{ ref('int_journey_events') }}
    {% endif %}
    where event_type in ('journey_exited', 'step_entered')
    group by journey_id, user_id

),

-- All that follows sorts by this number: that takes half the time of sorting by two texts.
numbered_pairs as (

    select
        *,
        {{ pair_number('journey_id', 'user_id') }} as pair_number
    from pairs

),

-- An instance id outranks the clock, but only an entry that carries the same one and came first can be meant.
entries_with_instance as (

    select
        numbered_pairs.pair_number,
        entries.journey_instance_id,
        entries.entry_number,
        entries.entered_at,
        entries.meant_before
    from entries
    inner join numbered_pairs
        on entries.journey_id = numbered_pairs.journey_id and entries.user_id = numbered_pairs.user_id

),

narrow_events as (

    select
        journey_events.event_id,
        numbered_pairs.pair_number,
        journey_events.event_type,
        journey_events.step_id,
        journey_events.occurred_at,
        entries_with_instance.entry_number as instance_entry_number,
        entries_with_instance.entered_at as instance_entered_at
    from journey_events
    inner join numbered_pairs
        on journey_events.journey_id = numbered_pairs.journey_id and journey_events.user_id = numbered_pairs.user_id
    left join entries_with_instance
        on
            numbered_pairs.pair_number = entries_with_instance.pair_number
            and journey_events.journey_instance_id = entries_with_instance.journey_instance_id
            and journey_events.occurred_at >= entries_with_instance.entered_at
            and journey_events.occurred_at < entries_with_instance.meant_before

),

following_an_entry as (

    select
        *,
        -- All rows of one moment count for each other, so an event at the moment of an entry follows it.
        count(case when event_type = 'journey_entered' then 1 end) over pair_in_order as latest_entry_number,
        max(case when event_type = 'journey_entered' then occurred_at end) over pair_in_order as latest_entered_at
    from narrow_events
    window pair_in_order as (
        partition by pair_number
        order by occurred_at
        range between unbounded preceding and current row
    )

),

belonging_to_an_entry as (

    select
        event_id,
        pair_number,
        event_type,
        step_id,
        occurred_at,
        coalesce(instance_entry_number, nullif(latest_entry_number, 0)) as entry_number,
        coalesce(instance_entered_at, latest_entered_at) as entered_at
    from following_an_entry
    where event_type != 'journey_entered'

),

in_order as (

    select
        *,
        min(case when event_type = 'journey_exited' then occurred_at end)
            over (partition by pair_number, entry_number) as exited_at,
        row_number() over entry_in_order as exit_number,
        count(case when event_type = 'step_entered' then 1 end) over entry_in_order as visit_number,
        lead(step_id) over entry_in_order as next_step_id,
        lead(occurred_at) over entry_in_order as next_visited_at,
        entry_number is not null as is_matched,
        event_type = 'step_entered' as is_visit
    from belonging_to_an_entry
    -- Exits first, so that after a visit comes a visit or nothing.
    window entry_in_order as (
        partition by pair_number, entry_number
        order by event_type = 'step_entered', occurred_at, event_id
    )

),

-- What belongs to no entry is no run through the journey, so it has no exit, no order and no next visit.
with_state as (

    select
        pair_number,
        event_type,
        step_id,
        occurred_at,
        entry_number,
        entered_at,
        case when is_matched then exited_at end as exited_at,
        case when is_matched then case when is_visit then visit_number else exit_number end end as event_number,
        case when is_matched and is_visit then next_step_id end as next_step_id,
        case when is_matched and is_visit then next_visited_at end as next_visited_at,
        case
            when not is_visit then null
            when not is_matched then 'unmatched'
            when next_visited_at is not null then 'continued'
            when exited_at is not null then 'exited'
            else 'waiting'
        end as visit_state
    from in_order

),

-- Of each user's visits to a step, of those that went on the same way, and of those that began an entry, one counts the
-- user: what is published as distinct users is then a sum, at any size.
with_user_counts as (

    select
        *,
        row_number() over step_by_way = 1 as is_users_first_of_step,
        (
            lag(visit_state) over step_by_way is distinct from visit_state
            or lag(next_step_id) over step_by_way is distinct from next_step_id
        ) as is_users_first_of_way,
        event_number = 1 and count(case when event_number = 1 then 1 end) over rows_so_far = 1
            as is_users_first_of_start
    from with_state
    window
        step_by_way as (
            partition by pair_number, event_type, step_id
            order by visit_state, next_step_id
        ),
        rows_so_far as (
            partition by pair_number, event_type, step_id
            order by visit_state, next_step_id
            rows between unbounded preceding and current row
        )

),

with_names as (

    select
        numbered_pairs.journey_id,
        numbered_pairs.user_id,
        with_user_counts.event_type,
        with_user_counts.step_id,
        with_user_counts.occurred_at,
        with_user_counts.entry_number,
        with_user_counts.entered_at,
        with_user_counts.exited_at,
        with_user_counts.event_number,
        with_user_counts.next_step_id,
        with_user_counts.next_visited_at,
        with_user_counts.visit_state,
        with_user_counts.is_users_first_of_step,
        with_user_counts.is_users_first_of_way,
        with_user_counts.is_users_first_of_start,
        numbered_pairs.pair_hash,
        {{ newest_batch() }} as batch_number
    from with_user_counts
    inner join numbered_pairs on with_user_counts.pair_number = numbered_pairs.pair_number

)

select * from with_names
