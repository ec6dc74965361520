-- The table of cases of end_of_window(): elapsed minutes and not calendar days; no window ends at once, and one longer
-- than an interval can hold ends thousands of years later, or earlier when it is negative.
with cases as (

    select
        cast(exited_at as timestamp) as exited_at,
        cast(attribution_window_minutes as bigint) as attribution_window_minutes,
        expected
    from (
        values
        ('2026-01-31 10:00:00.000001', 0, '2026-01-31 10:00:00.000001'),
        ('2026-01-31 10:00:00.000001', null, '2026-01-31 10:00:00.000001'),
        ('2026-01-31 10:00:00', 1440, '2026-02-01 10:00:00'),
        ('2024-02-28 23:59:59.5', 1, '2024-02-29 00:00:59.5'),
        ('2026-03-29 00:30:00', 60, '2026-03-29 01:30:00'),
        (null, 1440, null)
    ) as listed (exited_at, attribution_window_minutes, expected)

),

calculated as (

    select
        *,
        {{ end_of_window('exited_at', 'attribution_window_minutes') }} as actual,
        {{ end_of_window('exited_at', '9000000000000000000') }} as latest,
        {{ end_of_window('exited_at', '-9000000000000000000') }} as earliest
    from cases

)

select *
from calculated
where
    actual is distinct from cast(expected as timestamp)
    or (exited_at is not null and latest <= cast('6000-01-01 00:00:00' as timestamp))
    or (exited_at is not null and earliest >= cast('0001-01-01 00:00:00' as timestamp))
