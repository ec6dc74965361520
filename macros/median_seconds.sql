{# The continuous median of whole microseconds, in seconds: dividing last keeps it equal on every engine. #}
{% macro median_seconds(microseconds) -%}
    percentile_cont(0.5) within group (order by {{ microseconds }}) / 1e6
{%- endmacro %}
