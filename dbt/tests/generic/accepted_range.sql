{% test accepted_range(model, column_name, at_least=none, at_most=none) %}
-- Rows whose value lies outside the range, bounds included in it.
select *
from {{ model }}
where false
    {% if at_least is not none %}or {{ column_name }} < {{ at_least }}{% endif %}
    {% if at_most is not none %}or {{ column_name }} > {{ at_most }}{% endif %}
{% endtest %}
