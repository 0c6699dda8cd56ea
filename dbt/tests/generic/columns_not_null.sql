{% test columns_not_null(model, columns) %}
-- Rows in which one of these columns is empty; one look at the table for all of them.
select *
from {{ model }}
where {{ any_is_null(columns) }}
{% endtest %}
