{% test unique_and_not_null(model, column_name, also_not_null=[]) %}
-- Rows without a key, keys that occur more than once, and keys with an empty column, in one look at the table.
select
    {{ column_name }},
    count(*) as occurrences
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ rows_with_an_empty([column_name] + also_not_null) }} > 0
{% endtest %}
