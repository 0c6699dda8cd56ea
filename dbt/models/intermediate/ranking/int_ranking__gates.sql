{{ config(materialized='view') }}

-- noqa: disable=LT02
-- Thresholds that a preventive step may ask for, which are tried out: the least share expected late, and the highest expected to
-- be more than 30 days late.
with late as (
    {% for percent in range(0, 100, 5) %}
    select {{ percent }} as minimum_late_percent
    {{- ' union all' if not loop.last }}
    {% endfor %}
),

serious as (
    {% for percent in [10, 20, 30, 100] %}
    select {{ percent }} as maximum_serious_percent
    {{- ' union all' if not loop.last }}
    {% endfor %}
)

select
    late.minimum_late_percent,
    serious.maximum_serious_percent
from late
cross join serious
