-- The table of cases of clean_text(), as codes of the characters at both ends, because nobody can see white space. All
-- ASCII white space goes; other characters stay, a non-breaking space too. The unit tests of the staging models show
-- more.
with cases as (

    select *
    from (
        values
        (9, ''),
        (10, ''),
        (11, ''),
        (12, ''),
        (13, ''),
        (32, ''),
        (8, chr(8)),
        (14, chr(14)),
        (31, chr(31)),
        (33, chr(33)),
        (127, chr(127)),
        (160, chr(160)),
        (8203, chr(8203)),
        (12288, chr(12288))
    ) as listed (code, kept)

),

calculated as (

    select
        code,
        kept || 'in side' || kept as expected,
        chr(code) || 'in side' || chr(code) as dirty,
        nullif(kept, '') as expected_of_blank,
        chr(code) as blank
    from cases

)

select *
from calculated
where
    {{ clean_text('dirty') }} is distinct from expected
    or {{ clean_text('blank') }} is distinct from expected_of_blank
