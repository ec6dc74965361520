{# The outcome under which an event is counted: an outcome that names no result is `(none)`, other events have none. #}
{% macro counted_outcome(event_type, outcome) -%}
    case when {{ event_type }} = 'step_outcome' then coalesce({{ outcome }}, '(none)') end
{%- endmacro %}
