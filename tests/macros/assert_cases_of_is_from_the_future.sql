-- The table of cases of is_from_the_future(), for whatever tolerance the variable max_clock_skew_minutes sets: exactly
-- that far ahead is accepted, a microsecond more is not.
with loads as (

    select
        cast('2026-01-31 12:00:00.5' as timestamp) as loaded_at,
        cast('2026-01-31 12:00:00.5' as timestamp)
        + interval '1' minute * {{ var('max_clock_skew_minutes') }} as limit_at

),

cases as (

    select
        loaded_at,
        limit_at as occurred_at,
        false as expected
    from loads

    union all

    select
        loaded_at,
        limit_at + interval '1' second / 1000000 as occurred_at,
        true as expected
    from loads

    union all

    select
        loaded_at,
        cast('0001-01-01 00:00:00' as timestamp) as occurred_at,
        false as expected
    from loads

    union all

    select
        loaded_at,
        cast('9999-12-31 23:59:59.999999' as timestamp) as occurred_at,
        true as expected
    from loads

),

calculated as (

    select
        *,
        {{ is_from_the_future('occurred_at', 'loaded_at') }} as actual
    from cases

)

select *
from calculated
where actual is distinct from expected
