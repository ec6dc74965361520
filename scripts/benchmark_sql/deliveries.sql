-- How the events that happened reach the warehouse: two of a hundred arrive days late, one of a hundred arrives again
-- days later, rarely with another time, and one of two thousand is broken.
-- Placeholders: table, kind (its column that says what happened), broken_kind (a value that breaks the row).

insert into {table} by name
with first_deliveries as (

    select
        *, roll(number, 40, 10000) as fault,
        time_bucket(
            interval '15 minutes',
            occurred_at + to_minutes(if(roll(number, 41, 50) = 0, 1440 + roll(number, 42, 7200), 15)::bigint)
        ) as loaded_at
    from {table}_happened

),

deliveries as (

    select * from first_deliveries
    union all by name
    select * replace (
        loaded_at + to_days((1 + roll(number, 43, 5))::integer) as loaded_at,
        if(roll(number, 44, 50) = 0, occurred_at + interval '1 second', occurred_at) as occurred_at
    )
    from first_deliveries where roll(number, 45, 100) = 0

)

select * exclude (fault, has_offset) replace (
    if(fault = 0, null, event_id) as event_id,
    if(fault = 1, '  ', user_id) as user_id,
    if(fault = 2, {broken_kind}, {kind}) as {kind},
    case
        when fault = 3 then 'yesterday'
        when fault = 4 then strftime(occurred_at + interval '9 days', '%Y-%m-%dT%H:%M:%S.%fZ')
        when has_offset then strftime(occurred_at + interval '2 hours', '%Y-%m-%dT%H:%M:%S.%f+02:00')
        else strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ')
    end as occurred_at
)
from deliveries
