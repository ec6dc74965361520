{# The last batch that an incremental table has taken in: recorded in its own rows, so no crash can put it ahead of them. #}
{% macro processed_up_to(relation, batch_column='batch_number') -%}
    (select coalesce(max({{ batch_column }}), 0) from {{ relation }})
{%- endmacro %}
