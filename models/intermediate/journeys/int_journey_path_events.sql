-- Grain: one accepted journey_entered, journey_exited or step_entered event, with the entry it belongs to.
-- Messages and outcomes are left out: no published number asks which entry they belong to.
with path_events as (

    select
        event_id,
        journey_id,
        user_id,
        event_type,
        step_id,
        journey_instance_id,
        trigger_event_id,
        occurred_at,
        -- At one and the same moment an entry comes before everything else: whatever happens then belongs to it.
        case when event_type = 'journey_entered' then 0 else 1 end as moment_rank
    from {{ ref('int_journey_events') }}
    where event_type in ('journey_entered', 'journey_exited', 'step_entered')

),

following_an_entry as (

    select
        *,
        count(*) filter (where event_type = 'journey_entered') over user_in_journey as latest_entry_number
    from path_events
    window user_in_journey as (
        partition by journey_id, user_id
        order by occurred_at, moment_rank, event_id
        rows between unbounded preceding and current row
    )

),

-- An instance id outranks the clock, but only an entry that carries the same one and came first can be meant.
belonging_to_an_entry as (

    select
        *,
        coalesce(
            case
                when journey_instance_id is not null
                    then max(latest_entry_number) filter (where event_type = 'journey_entered') over same_instance
            end,
            nullif(latest_entry_number, 0)
        ) as entry_number
    from following_an_entry
    window same_instance as (
        partition by journey_id, user_id, journey_instance_id
        order by occurred_at, moment_rank, event_id
        rows between unbounded preceding and current row
    )

),

knowing_its_entry as (

    select
        event_id,
        journey_id,
        user_id,
        event_type,
        step_id,
        journey_instance_id,
        trigger_event_id,
        occurred_at,
        entry_number,
        max(event_id) filter (where event_type = 'journey_entered') over entry_as_a_whole as entry_id,
        max(occurred_at) filter (where event_type = 'journey_entered') over entry_as_a_whole as entered_at,
        -- The earliest exit counts, later ones are ignored; without one the entry stays open.
        min(occurred_at) filter (where event_type = 'journey_exited') over entry_as_a_whole as exited_at,
        count(*) filter (where event_type = 'step_entered') over entry_as_a_whole as visit_count,
        row_number() over same_kind_in_entry as visit_number,
        lead(step_id) over same_kind_in_entry as next_step_id,
        lead(occurred_at) over same_kind_in_entry as next_visited_at
    from belonging_to_an_entry
    window
        entry_as_a_whole as (partition by journey_id, user_id, entry_number),
        same_kind_in_entry as (
            partition by journey_id, user_id, entry_number, event_type
            order by occurred_at, event_id
        )

),

-- Without an entry there is no run through the journey in which a visit could have a neighbour.
path as (

    select
        event_id,
        journey_id,
        user_id,
        event_type,
        step_id,
        trigger_event_id,
        occurred_at,
        entry_number,
        entry_id,
        entered_at,
        exited_at,
        visit_count,
        case when entry_number is not null then visit_number end as visit_number,
        case when entry_number is not null then next_step_id end as next_step_id,
        case when entry_number is not null then next_visited_at end as next_visited_at
    from knowing_its_entry

)

select * from path
