{#
    These columns always have a value. One test for all of them, because a view is computed anew for every test on it.
    With `only_untested` only of the rows of batches that have not passed it yet.
#}
{% test never_null(model, columns, only_untested=false) %}

select *
from {{ model }}
where
    ({% for column in columns %}{{ ' or ' if not loop.first }}{{ column }} is null{% endfor %})
    {%- if only_untested %}
    and {{ is_untested() }}
    {%- endif %}

{% endtest %}
