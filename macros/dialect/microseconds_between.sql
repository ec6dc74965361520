{# Elapsed microseconds from one timestamp to a later one, a whole number; negative when the second is the earlier. #}
{% macro microseconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('microseconds_between', 'journey_analytics')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__microseconds_between(earlier, later) -%}
    epoch_us({{ later }}) - epoch_us({{ earlier }})
{%- endmacro %}

{# The seconds are decimal here, with every microsecond. #}
{% macro postgres__microseconds_between(earlier, later) -%}
    cast(extract(epoch from {{ later }} - {{ earlier }}) * 1000000 as bigint)
{%- endmacro %}

{% macro spark__microseconds_between(earlier, later) -%}
    unix_micros({{ later }}) - unix_micros({{ earlier }})
{%- endmacro %}
