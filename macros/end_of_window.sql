{#
    The last moment at which a user event still converts an entry that was left at a moment: no window counts as 0 minutes.
    A window longer than an interval can hold, some 4,000 years, ends with the longest one, also a negative one.
#}
{% macro end_of_window(exited_at, attribution_window_minutes) -%}
    {{ exited_at }} + interval '1' minute * greatest(least(coalesce({{ attribution_window_minutes }}, 0), 2147483647), -2147483647)
{%- endmacro %}
