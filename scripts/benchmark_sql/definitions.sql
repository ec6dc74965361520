-- What a generated world consists of before anything happens: dice, journeys, their steps, empty event tables.
-- Variables: run_count, the number of runs in the base.

-- A die is a pure function of a row number and the number of the throw. 32-bit arithmetic instead of hash(), whose
-- values DuckDB may change between versions, and instead of md5(), which costs many times as much.
create macro spread(x) as ((x) * 1640531527) & 4294967295;
create macro fold(x) as xor(x, x >> 15);
create macro roll(x, throw, sides) as
    (spread(fold(spread(fold(spread(((x)::bigint + (throw)::bigint * 747796405) & 4294967295))))) >> 4) % (sides);
create macro microseconds(n) as to_microseconds((n)::bigint);

-- 80 % of the runs are of users with one to three of them, 18 % of users with about nine, 2 % of users with hundreds.
create macro user_number(x, throw) as case
    when roll(x, throw, 100) < 80 then 3 * roll(x, throw + 1, greatest(getvariable('run_count') // 2, 1))
    when roll(x, throw, 100) < 98 then 3 * roll(x, throw + 1, greatest(getvariable('run_count') // 50, 1)) + 1
    else 3 * floor(
        greatest(getvariable('run_count') // 10000, 1)
        * (roll(x, throw + 1, 1000000) / 1e6) * sqrt(roll(x, throw + 1, 1000000) / 1e6)
    )::bigint + 2
end;
create macro user_id_of(user_no) as 'u' || substr(md5('user ' || user_no), 1, 11 + (user_no % 5)::integer);

create temp table journey_list as
select *, sum(weight) over (order by journey_no) - weight as weight_below
from (values
    -- runs of a hundred, steps, conversion event, window in minutes, the user event that triggers it, has instance ids
    (0, 'welcome', 25, 9, 'profile_completed', 10080, 'signed_up', false),
    (1, 'cart_recovery', 18, 7, 'purchase_completed', 1440, 'cart_abandoned', false),
    (2, 'browse_reminder', 13, 6, 'purchase_completed', 4320, null, false),
    (3, 'loan_application', 10, 20, 'loan_submitted', 20160, 'loan_started', true),
    (4, 'repeat_purchase', 8, 11, 'purchase_completed', 1440, 'purchase_completed', false),
    (5, 'win_back', 7, 14, 'purchase_completed', 10080, null, false),
    (6, 'card_activation', 6, 12, 'card_activated', 2880, 'card_delivered', false),
    (7, 'price_drop', 5, 5, 'purchase_completed', 60, null, false),
    (8, 'onboarding_course', 3, 18, 'course_finished', null, 'signed_up', true),
    (9, 'referral', 2, 8, 'friend_invited', 10080, null, false),
    (10, 'subscription_renewal', 2, 16, 'subscription_renewed', 4320, null, false),
    (11, 'satisfaction_survey', 1, 10, null, null, null, false)
) as t (
    journey_no, journey_id, weight, step_count, conversion_event_name, window_minutes, trigger_event_name, has_instances
);

create temp table step_list as
select
    journey_no, journey_id, position, journey_id || '_' || lpad(position::varchar, 2, '0') as step_id,
    list_extract(
        ['mobile_push', 'wait', 'email', 'branch', 'sms', 'in_app', 'custom', 'webhook'],
        (position + journey_no) % 8 + 1
    ) as step_type
from (select *, unnest(range(1, step_count + 1)) as position from journey_list);

create temp table journeys as
select
    journey_id, replace(journey_id, '_', ' ') as journey_name, conversion_event_name,
    window_minutes as attribution_window_minutes, timestamp '2026-01-01' as loaded_at
from journey_list order by journey_no;

create temp table journey_steps as
select
    journey_id, step_id, step_type || ' ' || position as step_name, step_type, position::integer as step_position,
    timestamp '2026-01-01' as loaded_at
from step_list order by journey_no, position;

create temp table journey_events (
    number bigint, event_id varchar, journey_id varchar, user_id varchar, event_type varchar, step_id varchar,
    journey_instance_id varchar, trigger_event_id varchar, platform varchar, outcome varchar, exit_reason varchar,
    occurred_at varchar, loaded_at timestamp
);
create temp table user_events (
    number bigint, event_id varchar, user_id varchar, event_name varchar, revenue double, properties varchar,
    occurred_at varchar, loaded_at timestamp
);
