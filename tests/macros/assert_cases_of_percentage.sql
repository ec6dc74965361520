-- The table of cases of percentage(): a whole of 0 says nothing, a part of 0 says 0, and nothing is rounded or cut to
-- a whole number on the way.
with cases as (

    select *
    from (
        values
        (0, 0, null),
        (1, 0, null),
        (null, 1, null),
        (1, null, null),
        (0, 3, 0.0),
        (1, 3, 33.333333333333336),
        (2, 3, 66.66666666666667),
        (3, 3, 100.0),
        (4, 3, 133.33333333333334)
    ) as listed (part, whole, expected)

),

calculated as (

    select
        *,
        {{ percentage('part', 'whole') }} as actual,
        {{ percentage('part + part', 'whole + whole') }} as actual_of_expressions
    from cases

)

select *
from calculated
where
    actual is distinct from cast(expected as {{ type_double() }})
    or actual_of_expressions is distinct from cast(expected as {{ type_double() }})
