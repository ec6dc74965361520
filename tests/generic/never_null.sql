{#
    These columns always have a value. One test for all of them, because a view is computed anew for every test on it.
    With `newest_batch` only of the rows that the last run with anything new has written: all others were looked at then.
#}
{% test never_null(model, columns, newest_batch=false) %}

select *
from {{ model }}
where
    ({% for column in columns %}{{ ' or ' if not loop.first }}{{ column }} is null{% endfor %})
    {%- if newest_batch %}
    and batch_number = (select max(batch_number) from {{ model }})
    {%- endif %}

{% endtest %}
