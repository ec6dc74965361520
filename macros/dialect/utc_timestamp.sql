{#
    ISO 8601 text without blanks at its ends as a UTC timestamp, null when it is not one. Without an offset it is UTC,
    a date alone is midnight. The pattern, not the cast, decides what is readable: engines also read `yesterday`.
#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'journey_analytics')(text)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(text) -%}
    {%- set date = '-\\d\\d-\\d\\d' -%}
    {%- set hour_minute = '([01]\\d|2[0-3]):\\d\\d' -%}
    {%- set offset = '[+-](0\\d|1[0-5])(:?[0-5]\\d)?' -%}
    {#- Usual times are read as they are. Their years are so far from the first and the last that no offset matters. -#}
    {%- set usual = '[1-8]\\d{3}' ~ date ~ '([T ]' ~ hour_minute ~ ':\\d\\d(\\.\\d+)?(Z|' ~ offset ~ ')?)?' -%}
    {%- set rare = '\\d{4}' ~ date ~ '([Tt ]' ~ hour_minute ~ '(:\\d\\d([.,]\\d+)?)?( ?([Zz]|' ~ offset ~ '))?)?' -%}
    {#- Rare forms become usual ones: upper case, a point, seconds, no blank before the offset. -#}
    {%- set rewritten -%}
        regexp_replace(
            regexp_replace(replace(upper({{ text }}), ',', '.'), ' ([Z+-])', '\1'), '^(.{16})([Z+-].*)?$', '\1:00\2'
        )
    {%- endset -%}
    case
        when regexp_full_match({{ text }}, '{{ usual }}') then {{ _instant(text) }}
        when regexp_full_match({{ text }}, '{{ rare }}') and left({{ text }}, 4) != '0000'
            then case
                -- The years that every engine can hold.
                when {{ _instant(rewritten) }} between '0001-01-01 00:00:00' and '9999-12-31 23:59:59.999999'
                    then {{ _instant(rewritten) }}
            end
    end
{%- endmacro %}

{# epoch_us keeps the instant and skips the calendar of a time zone. #}
{% macro _instant(text) -%} make_timestamp(epoch_us(try_cast({{ text }} as timestamptz))) {%- endmacro %}

{#
    A cast fails on a day that does not exist, so the pattern knows the calendar. What is cast has neither a comma nor
    digits that would round the microseconds up. A cast to timestamp ignores an offset, and Z is none.
#}
{% macro postgres__utc_timestamp(text) -%}
    {%- set leap_year = '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)' -%}
    {%- set date -%}
        ([0-9]{4}-((0[13578]|1[02])-31|(0[13-9]|1[0-2])-(29|30)|(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]))|{{ leap_year }}-02-29)
    {%- endset -%}
    {%- set time = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?' -%}
    {%- set offset = '[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?' -%}
    {%- set readable = "regexp_replace(replace(" ~ text ~ ", ',', '.'), '([.][0-9]{6})[0-9]+', '\\1')" -%}
    case
        when left({{ text }}, 4) = '0000' then null
        when {{ text }} ~ '^{{ date }}([Tt ]{{ time }}( ?[Zz])?)?$' then cast({{ readable }} as timestamp)
        when {{ text }} ~ '^{{ date }}[Tt ]{{ time }} ?{{ offset }}$'
            then case
                -- The years that every engine can hold.
                when cast({{ readable }} as timestamptz) at time zone 'UTC'
                    between '0001-01-01 00:00:00' and '9999-12-31 23:59:59.999999'
                    then cast({{ readable }} as timestamptz) at time zone 'UTC'
            end
    end
{%- endmacro %}

{# Spark reads offsets and cuts off digits as the rule says, but knows only the usual form. #}
{% macro spark__utc_timestamp(text) -%}
    {%- set pattern -%}
        ^\d{4}-\d\d-\d\d([Tt ]([01]\d|2[0-3]):\d\d(:\d\d([.,]\d+)?)?( ?([Zz]|[+-](0\d|1[0-5])(:?[0-5]\d)?))?)?\z
    {%- endset -%}
    {#- Upper case, a point, seconds, no blank before the offset. -#}
    {%- set usual -%}
        regexp_replace(
            regexp_replace(replace(upper({{ text }}), ',', '.'), ' ([Z+-])', '$1'), '^(.{16})([Z+-].*)?$', '$1:00$2'
        )
    {%- endset -%}
    case
        when left({{ text }}, 4) = '0000' then null
        when {{ text }} rlike r'{{ pattern }}'
            -- The years that every engine can hold. In a list of one the instant has a name and is computed once.
            then get(
                filter(
                    array(try_cast({{ usual }} as timestamp)),
                    instant -> instant between timestamp '0001-01-01 00:00:00Z' and timestamp '9999-12-31 23:59:59.999999Z'
                ),
                0
            )
    end
{%- endmacro %}
