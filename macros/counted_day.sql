{# The UTC day under which an event is counted, where a published number asks for it: that of a message's sending. #}
{% macro counted_day(event_type, occurred_at) -%}
    case when {{ event_type }} = 'message_sent' then cast({{ occurred_at }} as date) end
{%- endmacro %}
