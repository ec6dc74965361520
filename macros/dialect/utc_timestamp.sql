{#
    ISO 8601 text without blanks at its ends as a UTC timestamp, null when it is not one. Without an offset it is UTC,
    a date alone is midnight. The pattern, not the cast, decides what is readable: engines also read `yesterday`.
#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'journey_analytics')(text)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(text) -%}
    {%- set date = '\\d{4}-\\d\\d-\\d\\d' -%}
    {%- set hour_minute = '([01]\\d|2[0-3]):\\d\\d' -%}
    {%- set offset = '[+-](0\\d|1[0-5])(:?[0-5]\\d)?' -%}
    {%- set usual = date ~ '([T ]' ~ hour_minute ~ ':\\d\\d(\\.\\d+)?(Z|' ~ offset ~ ')?)?' -%}
    {%- set rare = date ~ '[Tt ]' ~ hour_minute ~ '(:\\d\\d([.,]\\d+)?)?( ?([Zz]|' ~ offset ~ '))?' -%}
    {#- Rare forms become usual ones: upper case, a point, seconds, no blank before the offset. -#}
    {%- set rewritten -%}
        regexp_replace(
            regexp_replace(replace(upper({{ text }}), ',', '.'), ' ([Z+-])', '\1'), '^(.{16})([Z+-].*)?$', '\1:00\2'
        )
    {%- endset -%}
    case
        when regexp_full_match({{ text }}, '{{ usual }}') then {{ _readable_instant(text) }}
        when regexp_full_match({{ text }}, '{{ rare }}') then {{ _readable_instant(rewritten) }}
    end
{%- endmacro %}

{# epoch_us keeps the instant and skips the calendar of a time zone; the years are those every engine can hold. #}
{% macro _readable_instant(text) -%}
    case
        when try_cast({{ text }} as timestamptz) between '0001-01-01 00:00:00Z' and '9999-12-31 23:59:59.999999Z'
            then make_timestamp(epoch_us(try_cast({{ text }} as timestamptz)))
    end
{%- endmacro %}
