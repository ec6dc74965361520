-- What happens to the runs of users through journeys that begin in one span of time.
-- Variables: first_run, end_run (exclusive), spacing in microseconds between the beginnings of two runs.

create or replace temp table runs as
with numbered as (

    select
        range as run_no,
        timestamp '2026-01-01' + microseconds(range * getvariable('spacing')) as entered_at,
        user_number(range, 10) as user_no,
        roll(range, 12, 100) as journey_roll,
        -- twenty seconds to five hours from step to step
        ((20 + roll(range, 13, 20)) << roll(range, 14, 10)) * 1000000 + roll(range, 15, 1000000) as pace
    from range(getvariable('first_run'), getvariable('end_run'))

)

select
    numbered.*, journey_list.*, user_id_of(user_no) as user_id,
    if(roll(run_no, 16, 50) = 0, 0, 1 + roll(run_no, 17, step_count)) as last_position,
    last_position = step_count as is_completed,
    entered_at + microseconds(pace * (last_position + 1)) as left_at,
    if(trigger_event_name is not null and roll(run_no, 18, 100) < 20, 'trigger ' || run_no, null) as trigger_event_key,
    if(has_instances, md5('instance ' || run_no), null) as journey_instance_id,
    list_extract(['android', 'android', 'android', 'ios', 'iOS', 'web'], user_no // 3 % 6 + 1) as user_platform
from numbered
inner join journey_list on journey_roll >= weight_below and journey_roll < weight_below + weight;

create or replace temp table visits as
with positions as (select *, unnest(range(1, last_position + 1)) as position from runs)

select
    positions.* exclude (position), step_list.step_id, step_type, user_platform as platform,
    run_no * 32 + position as visit_no,
    step_type in ('mobile_push', 'email', 'sms', 'in_app') as is_message,
    is_message and roll(visit_no, 20, 100) < 6 as is_failed,
    is_message and not is_failed and step_type <> 'sms' and roll(visit_no, 21, 100) < 60 as is_shown,
    is_shown and roll(visit_no, 22, 100) < 15 as is_clicked,
    entered_at + microseconds(pace * position + pace * roll(visit_no, 23, 1000) // 2000) as visited_at,
    visited_at + microseconds(1000000 + roll(visit_no, 24, 3000000)) as acted_at,
    acted_at + microseconds(roll(visit_no, 25, 7200) * 1000000) as shown_at
from positions
inner join step_list using (journey_no, position)
-- a branch leads past every third of its next steps
where step_type <> 'sms' or roll(run_no * 32 + position, 26, 3) > 0;

create or replace temp table journey_events_happened as
select *, md5('event ' || number) as event_id, journey_id in ('card_activation', 'referral') as has_offset
from (
    select
        run_no * 256 as number, 'journey_entered' as event_type, entered_at as occurred_at,
        md5(trigger_event_key)::uuid::varchar as trigger_event_id, journey_id, user_id, journey_instance_id
    from runs
    union all by name
    select
        run_no * 256 + 255 as number, 'journey_exited' as event_type, left_at as occurred_at,
        if(is_completed, 'completed', 'timed_out') as exit_reason, journey_id, user_id, journey_instance_id
    from runs where is_completed or roll(run_no, 19, 100) < 85
    union all by name
    select
        visit_no * 8 + kind as number,
        list_extract(
            [
                'step_entered', 'step_outcome', if(is_failed, 'message_failed', 'message_sent'),
                'message_shown', 'message_clicked'
            ], kind + 1
        ) as event_type,
        case kind
            when 0 then visited_at
            when 3 then shown_at
            when 4 then shown_at + microseconds(1000000 + roll(visit_no, 28, 60000000))
            else acted_at
        end as occurred_at,
        if(kind = 1, list_extract(['done', 'done', 'skipped', null], roll(visit_no, 27, 4) + 1), null) as outcome,
        journey_id, step_id, user_id, journey_instance_id, platform
    from (
        select
            *,
            unnest(case
                when is_clicked then [0, 2, 3, 4] when is_shown then [0, 2, 3] when is_message then [0, 2] else [0, 1]
            end) as kind
        from visits
    )
);

create or replace temp table user_events_happened as
select * exclude (event_key), md5(event_key)::uuid::varchar as event_id, false as has_offset
from (
    select
        run_no * 8 as number, trigger_event_key as event_key, user_id, trigger_event_name as event_name,
        entered_at - interval '2 seconds' as occurred_at
    from runs where trigger_event_key is not null
    union all by name
    -- between the entry and a little after the end of the attribution window
    select
        run_no * 8 + 1 as number, 'conversion ' || run_no as event_key, user_id, conversion_event_name as event_name,
        roll(run_no, 30, 50000) / 100 as revenue,
        '{"currency":"EUR","items":' || roll(run_no, 31, 9) || '}' as properties,
        entered_at + microseconds(
            (pace * last_position + coalesce(window_minutes, 0) * 72e6) * roll(run_no, 32, 100000) / 1e5
        ) as occurred_at
    from runs where conversion_event_name is not null and roll(run_no, 33, 100) < 20
    union all by name
    select
        run_no * 8 + kind as number, 'other ' || number as event_key, user_id_of(user_no) as user_id,
        list_extract(['app_opened', 'page_viewed', 'product_viewed', 'searched'], roll(number, 36, 4) + 1)
            as event_name,
        if(roll(number, 37, 3) = 0, '{"source":"app","page":' || roll(number, 38, 500) || '}', null) as properties,
        entered_at + microseconds(roll(number, 39, 86400000) * 10) as occurred_at
    from (
        select run_no, kind, entered_at, user_number(run_no * 8 + kind, 34) as user_no
        from (select run_no, entered_at, unnest([2, 3]) as kind from runs)
    )
);
