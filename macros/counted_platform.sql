{# The platform under which an event is counted, where a published number asks for it; elsewhere it would split the rows. #}
{% macro counted_platform(event_type, platform) -%}
    case
        when {{ event_type }} in ('message_sent', 'message_failed', 'message_clicked')
            then case when {{ platform }} in ('android', 'ios') then {{ platform }} else 'other_platform' end
    end
{%- endmacro %}
