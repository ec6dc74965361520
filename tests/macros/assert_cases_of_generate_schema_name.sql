-- The table of cases of generate_schema_name(): a schema keeps its name on every target, and nobody's name comes
-- before.
with cases as (

    select *
    from (
        values
        ('marts', '{{ generate_schema_name('marts', none) }}'),
        ('raw', '{{ generate_schema_name('raw', none) }}'),
        ('{{ target.schema }}', '{{ generate_schema_name(none, none) }}')
    ) as listed (expected, actual)

)

select *
from cases
where actual != expected
