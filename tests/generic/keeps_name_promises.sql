{#
    Every value is what its column's name promises: a number of things is not negative, a percentage is between 0 and
    100. Columns in `may_exceed_100` are ratios that broken data can lift above it, though never to infinity. Null
    promises nothing. The columns are those of the yml, so one that is added there is under test at once.
#}
{% test keeps_name_promises(model, may_exceed_100=[]) %}

{%- set numbers_of_things = ('_count', '_users', '_entries', '_events', '_exits', '_sent', '_rows') -%}
{%- set broken_promises = [] -%}
{%- for node in (graph.nodes.values() if execute else []) if node.relation_name == model | string -%}
    {%- for column in node.columns -%}
        {%- if column.endswith(numbers_of_things) -%}
            {%- do broken_promises.append(column ~ ' < 0') -%}
        {%- elif column.endswith('_pct') -%}
            {%- do broken_promises.append(column ~ ' not between 0 and ' ~ ('1e300' if column in may_exceed_100 else 100)) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endfor -%}
{%- if execute and not broken_promises -%}
    {%- do exceptions.raise_compiler_error(
        'keeps_name_promises found no column to test in ' ~ model ~ ': describe its columns in the yml, or leave the test out.'
    ) -%}
{%- endif %}

select *
from {{ model }}
where
    {{ broken_promises | join('\n    or ') or 'false' }}

{% endtest %}
