-- The table of cases of median_seconds(): between the middle two, nulls left out, null when there is nothing else.
with cases as (

    select *
    from (
        values
        ('one value', 1500000, 1.5),
        ('two values', 1000000, 2.5),
        ('two values', 4000000, 2.5),
        ('an odd number', 9000000, 2.000001),
        ('an odd number', 2000001, 2.000001),
        ('an odd number', 0, 2.000001),
        ('negative values', -3000000, -1.0),
        ('negative values', 1000000, -1.0),
        ('some nulls', null, 7.0),
        ('some nulls', 7000000, 7.0),
        ('only nulls', null, null)
    ) as listed (situation, microseconds, expected)

),

calculated as (

    select
        situation,
        max(expected) as expected,
        {{ median_seconds('microseconds') }} as actual
    from cases
    group by situation

)

select *
from calculated
where actual is distinct from cast(expected as {{ type_double() }})
