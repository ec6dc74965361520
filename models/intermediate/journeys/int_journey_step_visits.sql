-- Grain: one visit of a user to a step, that is one step_entered event, with its entry and the visit after it.
with visits as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'step_entered' and {{ is_touched() }}

),

entries as (

    select * from {{ ref('int_journey_entries') }}
    where {{ is_touched() }}

),

exits as (

    select * from {{ ref('int_journey_exits') }}
    where {{ is_touched() }}

),

in_order as (

    select
        *,
        row_number() over entry_in_order as visit_number,
        lead(step_id) over entry_in_order as next_step_id,
        lead(occurred_at) over entry_in_order as next_visited_at
    from visits
    window entry_in_order as (
        partition by journey_id, user_id, entry_number
        order by occurred_at, event_id
    )

),

with_their_entries as (

    select
        in_order.event_id as visit_id,
        in_order.journey_id,
        in_order.user_id,
        in_order.step_id,
        in_order.occurred_at as visited_at,
        entries.entry_id,
        entries.entered_at,
        exits.exited_at,
        -- Visits without an entry are no run through the journey, so they have no order and no next one.
        case when entries.entry_id is not null then in_order.visit_number end as visit_number,
        case when entries.entry_id is not null then in_order.next_step_id end as next_step_id,
        case when entries.entry_id is not null then in_order.next_visited_at end as next_visited_at,
        in_order.pair_hash,
        {{ newest_batch() }} as batch_number
    from in_order
    left join entries
        on
            in_order.journey_id = entries.journey_id
            and in_order.user_id = entries.user_id
            and in_order.entry_number = entries.entry_number
    left join exits
        on
            in_order.journey_id = exits.journey_id
            and in_order.user_id = exits.user_id
            and in_order.entry_number = exits.entry_number

),

visits_with_state as (

    select
        *,
        case
            when entry_id is null then 'unmatched'
            when next_visited_at is not null then 'continued'
            when exited_at is not null then 'exited'
            else 'waiting'
        end as visit_state
    from with_their_entries

)

select * from visits_with_state
