{% test unique_combination_of_columns(model, columns, not_null=[]) %}
-- Combinations of these columns that occur more than once, or with an empty column, in one look at the table.
select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {% if not_null %}or {{ rows_with_an_empty(not_null) }} > 0{% endif %}
{% endtest %}
