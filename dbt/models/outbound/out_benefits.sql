with ranking as (
    select * from {{ ref('dim_payer_ranking') }}
    where payer_class = 'pontual'
),

customers as (select * from {{ ref('int_customers__unified') }}),

emails as (select * from {{ ref('int_customers__email_selected') }}),

-- since the last late payment, or since the first invoice of a payer who never was late
measured as (
    select
        *,
        cast(floor({{ days_between('coalesce(last_late_on, first_issued_on)', business_date()) }} / 30.0) as integer)
            as months_on_time
    from ranking
)

select
    measured.business_date,
    measured.customer_key,
    measured.customer_name,
    emails.email,
    measured.payer_class,
    measured.months_on_time,
    measured.settled_receivables,
    measured.score
from measured
inner join customers on measured.customer_key = customers.customer_key
left join emails on measured.customer_key = emails.customer_key
where
    measured.months_on_time >= 6
    -- in any currency
    and measured.open_days_past_due = 0
    and not (customers.is_deceased or customers.is_legal_hold or customers.is_erased)
