{# 100 x part / whole as a double; null when the whole is 0 or either is null. #}
{% macro percentage(part, whole) -%}
    cast(100 * ({{ part }}) as {{ type_double() }}) / nullif({{ whole }}, 0)
{%- endmacro %}
