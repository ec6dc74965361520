{# The engine's name of a 64-bit floating point number. #}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__type_double() -%} double {%- endmacro %}
