-- What each receivable tells about how its payer pays: tonight for every payer, and at past month ends for the payers of the
-- ranking is tried out. One rule for both; it looks only at what is dated on or before its as-of date, so nothing that happens
-- later moves it.
with receivables as (
    select
        {{ business_date() }} as as_of_date,
        customer_key,
        creditor,
        currency,
        issue_date,
        due_date,
        effective_due_date,
        amount,
        open_amount,
        status,
        settled_on,
        is_settled_by_payment,
        is_disputed
    from {{ ref('int_receivables__balances_computed') }}

    union all

    select
        as_of_date,
        customer_key,
        creditor,
        currency,
        issue_date,
        due_date,
        effective_due_date,
        amount,
        open_amount,
        status,
        settled_on,
        is_settled_by_payment,
        is_disputed
    from {{ ref('int_receivables__as_of') }}
),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- a rest, of which no one is asked, is no money that is late
rested as (
    select
        receivables.*,
        receivables.status = 'open' and {{ is_rest('receivables.open_amount', 'receivables.amount') }} as is_rest
    from receivables
    inner join limits on receivables.creditor = limits.creditor
),

-- Only debts paid by the payer tell how it pays, not those credited away; one that is unpaid tells how late it is already,
-- once the money could have arrived over a weekend. A contested debt tells nothing, neither open nor paid.
observed as (
    select
        as_of_date,
        customer_key,
        currency,
        coalesce(issue_date, due_date) as issued_on,
        effective_due_date,
        open_amount,
        settled_on,
        {{ cents('amount') }} as cents,
        case
            when settled_on is not null and is_settled_by_payment and not is_disputed
                then greatest({{ days_between('effective_due_date', 'settled_on') }}, 0)
        end as settled_days_late,
        case
            when
                status in ('open', 'written_off')
                and settled_on is null
                and not is_rest
                and not is_disputed
                and {{ days_between('effective_due_date', 'as_of_date') }} > 3
                then {{ days_between('effective_due_date', 'as_of_date') }}
        end as unpaid_days_late,
        status = 'open' and not is_rest and not is_disputed and effective_due_date < as_of_date as is_overdue
    from rested
),

judged as (
    select
        *,
        coalesce(settled_days_late, unpaid_days_late) as days_late
    from observed
)

select * from judged
