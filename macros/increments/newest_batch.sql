{# The number of the newest batch of this run's input, to be recorded with the rows that take it in. #}
{% macro newest_batch(column='newest_journey_batch_number') -%}
    (select {{ column }} from {{ ref('int_newest_batches') }})
{%- endmacro %}
