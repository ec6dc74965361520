-- The table of cases of microseconds_between(): elapsed time and not crossed boundaries, exact over thousands of
-- years.
with cases as (

    select
        cast(earlier as timestamp) as earlier,
        cast(later as timestamp) as later,
        expected
    from (
        values
        ('2026-01-31 10:00:00', '2026-01-31 10:00:00', 0),
        ('2026-01-31 10:00:00', '2026-01-31 10:00:00.000001', 1),
        ('2026-01-31 10:00:00.000001', '2026-01-31 10:00:00', -1),
        ('2026-01-31 23:59:59.999999', '2026-02-01 00:00:00', 1),
        ('2024-02-28 00:00:00', '2024-03-01 00:00:00', 172800000000),
        ('1969-12-31 23:59:59.5', '1970-01-01 00:00:00.5', 1000000),
        ('0001-01-01 00:00:00', '9999-12-31 23:59:59.999999', 315537897599999999),
        (null, '2026-01-31 10:00:00', null),
        ('2026-01-31 10:00:00', null, null)
    ) as listed (earlier, later, expected)

),

calculated as (

    select
        *,
        {{ microseconds_between('earlier', 'later') }} as actual
    from cases

)

select *
from calculated
where actual is distinct from cast(expected as bigint)
