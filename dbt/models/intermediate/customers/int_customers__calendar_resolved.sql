-- Which calendar counts for each payer: the city's where the city has days of its own, else the state's, else the country's.
with customers as (select * from {{ ref('int_customers__unified') }}),

local_calendar as (select * from {{ ref('stg_policy__local_calendar') }}),

places as (
    select distinct place
    from local_calendar
),

today as (
    select is_contact_day
    from {{ ref('stg_policy__calendar') }}
    where day = {{ business_date() }}
),

placed as (
    select
        customers.customer_key,
        coalesce(cities.place, states.place, 'BR') as place
    from customers
    left join places as cities on {{ city_place('customers.state', 'customers.city') }} = cities.place
    left join places as states on customers.state = states.place
)

select
    placed.customer_key,
    placed.place,
    coalesce(local_calendar.is_contact_day, today.is_contact_day) as is_contact_day
from placed
cross join today
left join local_calendar
    on placed.place = local_calendar.place
    and local_calendar.day = {{ business_date() }}
