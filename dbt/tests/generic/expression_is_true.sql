{% test expression_is_true(model, expression, column_name=none, where=none) %}
-- Rows for which the expression is not true; a null counts as not true.
select *
from {{ model }}
where not coalesce({{ (column_name ~ ' ') if column_name else '' }}{{ expression }}, false)
{% endtest %}
