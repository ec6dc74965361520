{#
    A row is the only one of its grain. Grouping takes a null as equal to a null, so here a null is a value.
    With `newest_batch` only among the users in journeys of whom the last run with anything new has written rows.
#}
{% test unique_grain(model, columns, newest_batch=false) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
{%- if newest_batch %}
where pair_hash in (select pair_hash from {{ model }} where batch_number = (select max(batch_number) from {{ model }}))
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
