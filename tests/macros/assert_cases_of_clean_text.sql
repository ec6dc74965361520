-- The table of cases of clean_text(): every character of ASCII white space goes from both ends, and others stay, a
-- non-breaking space too. Nobody can see white space, so the characters are written as codes. The unit tests of the
-- staging models show more.
{%- set characters = {
    '\x09': '', '\x0a': '', '\x0b': '', '\x0c': '', '\x0d': '', '\x20': '',
    '\x08': '\x08', '\x0e': '\x0e', '\x1f': '\x1f', '\x21': '\x21', '\x7f': '\x7f', '\xa0': '\xa0',
    '\u200b': '\u200b', '\u3000': '\u3000'
} %}

with cases as (

    select *
    from (
        values
        {%- for character, kept in characters.items() %}
        ('{{ character }}', '{{ kept }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (given, kept)

),

calculated as (

    select
        kept || 'in side' || kept as expected,
        given || 'in side' || given as dirty,
        nullif(kept, '') as expected_of_blank,
        given as blank
    from cases

)

select *
from calculated
where
    {{ clean_text('dirty') }} is distinct from expected
    or {{ clean_text('blank') }} is distinct from expected_of_blank
