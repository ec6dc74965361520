-- Grain: one way between two places of a journey: into its first step, from step to step, out of it, or still there.
with first_visits as (

    select * from {{ ref('int_journey_step_visits') }}
    where visit_number = 1

),

continued_visits as (

    select * from {{ ref('int_journey_step_visits') }}
    where visit_state = 'continued'

),

last_visits as (

    select * from {{ ref('int_journey_step_visits') }}
    where visit_state in ('exited', 'waiting')

),

stepless_entries as (

    select entry_states.*
    from {{ ref('int_journey_entry_states') }} as entry_states
    left join first_visits
        on
            entry_states.journey_id = first_visits.journey_id
            and entry_states.user_id = first_visits.user_id
            and entry_states.entry_number = first_visits.entry_number
    where first_visits.entry_number is null

),

moves as (

    select
        journey_id,
        'entry' as transition_kind,
        null as from_step_id,
        step_id as to_step_id,
        is_users_first_of_start as is_users_first,
        {{ microseconds_between('entered_at', 'visited_at') }} as microseconds
    from first_visits

    union all

    select
        journey_id,
        'step' as transition_kind,
        step_id as from_step_id,
        next_step_id as to_step_id,
        is_users_first_of_way as is_users_first,
        {{ microseconds_between('visited_at', 'next_visited_at') }} as microseconds
    from continued_visits

    union all

    -- Visits after the exit still belong to the entry, so these seconds can be negative.
    select
        journey_id,
        case visit_state when 'exited' then 'exit' else 'waiting' end as transition_kind,
        step_id as from_step_id,
        null as to_step_id,
        is_users_first_of_way as is_users_first,
        {{ microseconds_between('visited_at', 'exited_at') }} as microseconds
    from last_visits

    union all

    select
        journey_id,
        case when exited_at is not null then 'exit' else 'waiting' end as transition_kind,
        null as from_step_id,
        null as to_step_id,
        row_number() over (partition by journey_id, user_id, exited_at is null order by entry_number) = 1
            as is_users_first,
        {{ microseconds_between('entered_at', 'exited_at') }} as microseconds
    from stepless_entries

),

transitions as (

    select
        journey_id,
        transition_kind,
        from_step_id,
        to_step_id,
        count(*) as transition_count,
        count(*) filter (where is_users_first) as user_count,
        {{ median_seconds('microseconds') }} as median_seconds
    from moves
    group by journey_id, transition_kind, from_step_id, to_step_id

)

select * from transitions
