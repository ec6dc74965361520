{# These columns always have a value. One test for all of them, because a view is computed anew for every test on it. #}
{% test never_null(model, columns) %}

select *
from {{ model }}
where
    {% for column in columns -%}
    {{ 'or ' if not loop.first }}{{ column }} is null
    {% endfor %}

{% endtest %}
