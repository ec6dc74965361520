{#
    A row is the only one of its grain. Grouping takes a null as equal to a null, so here a null is a value.
    With `only_untested` only among the users in journeys of whom there are rows of batches that have not passed it yet.
#}
{% test unique_grain(model, columns, only_untested=false) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
{%- if only_untested %}
where pair_hash in (select pair_hash from {{ model }} where {{ is_untested() }})
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
