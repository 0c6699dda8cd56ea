with trend as (select * from {{ ref('rpt_aging_trend') }}),

sales as (select * from {{ ref('int_sales__by_month') }}),

portfolios as (
    select
        as_of_date,
        months_back,
        is_business_date,
        creditor,
        currency,
        sum(open_amount) as open_amount,
        sum(case when aging_band = 'not_due' then open_amount else 0 end) as current_amount
    from trend
    group by as_of_date, months_back, is_business_date, creditor, currency
),

-- Months of sales as each date looks back on them, the newest first, with what the newer ones had already covered and the
-- days of the months in between in which nothing was sold.
looked_back as (
    select
        portfolios.as_of_date,
        portfolios.creditor,
        portfolios.currency,
        portfolios.open_amount,
        sales.month,
        sales.credit_sales,
        sales.period_days,
        (sum(sales.credit_sales) over so_far) - sales.credit_sales as covered_amount,
        {{ days_between(
            'sales.period_end',
            add_days('coalesce(lag(sales.month) over newest_first, ' ~ add_days('portfolios.as_of_date', 1) ~ ')', -1)
        ) }} as idle_days
    from portfolios
    inner join sales
        on sales.creditor = portfolios.creditor
        and sales.currency = portfolios.currency
        and sales.period_end <= portfolios.as_of_date
    -- the month before is looked up without a frame, which not every engine takes there
    window
        newest_first as (
            partition by portfolios.as_of_date, portfolios.creditor, portfolios.currency
            order by sales.month desc
        ),
        so_far as (
            partition by portfolios.as_of_date, portfolios.creditor, portfolios.currency
            order by sales.month desc
            rows between unbounded preceding and current row
        )
),

-- A month that the remaining balance covers whole counts its days; the one where the balance ends, its share of them.
counted as (
    select
        *,
        case
            when open_amount <= covered_amount then 0
            when open_amount >= covered_amount + credit_sales then idle_days + period_days
            else idle_days + {{ scaled_ratio('open_amount - covered_amount', 'period_days', 'credit_sales') }}
        end as counted_days,
        month >= {{ add_months(month_start('as_of_date'), -2) }} as is_recent
    from looked_back
),

summed as (
    select
        as_of_date,
        creditor,
        currency,
        sum(case when is_recent then credit_sales else 0 end) as credit_sales,
        -- a young company has not had three months yet
        {{ days_between('greatest(' ~ add_months(month_start('as_of_date'), -2) ~ ', min(month))', 'as_of_date') }} + 1
            as sales_days,
        sum(counted_days) as countback_days,
        max(covered_amount + credit_sales) as known_sales
    from counted
    group by as_of_date, creditor, currency
)

select
    {{ business_date() }} as business_date,
    portfolios.as_of_date,
    portfolios.months_back,
    portfolios.is_business_date,
    portfolios.creditor,
    portfolios.currency,
    {{ money('portfolios.open_amount') }} as open_amount,
    {{ money('portfolios.current_amount') }} as current_amount,
    {{ money('coalesce(summed.credit_sales, 0)') }} as credit_sales,
    cast(coalesce(summed.sales_days, 0) as integer) as sales_days,
    {{ scaled_ratio('portfolios.open_amount', 'summed.sales_days', 'summed.credit_sales') }} as dso_simple,
    cast(case when portfolios.open_amount <= summed.known_sales then summed.countback_days end as decimal(18, 2))
        as dso_countback,
    {{ scaled_ratio('portfolios.current_amount', 'summed.sales_days', 'summed.credit_sales') }} as dso_best_possible
from portfolios
left join summed
    on summed.as_of_date = portfolios.as_of_date
    and summed.creditor = portfolios.creditor
    and summed.currency = portfolios.currency
