{# Whether an event is stamped later than its own load by more than the tolerated clock skew; exactly that much is not. #}
{% macro is_from_the_future(occurred_at, loaded_at) -%}
    {{ occurred_at }} > {{ loaded_at }} + interval '1' minute * {{ var('max_clock_skew_minutes') }}
{%- endmacro %}
