{%- set horizons = ([0, 30, 60, 90] + band_days()) | unique | sort -%}

-- noqa: disable=LT02
-- Cancelled debts were never owed and agreed ones were replaced by others; written-off ones stay: they are the loss.
with receivables as (
    select
        receivable_key,
        creditor,
        currency,
        effective_due_date,
        amount
    from {{ ref('int_receivables__balances_computed') }}
    where
        status not in ('cancelled', 'agreed')
        and effective_due_date <= {{ business_date() }}
),

payments as (select * from {{ ref('stg_landing__payments') }}),

timed as (
    select
        receivables.receivable_key,
        payments.amount,
        payments.kind in ('payment', 'reversal') as is_cash,
        payments.kind in ('credit_note', 'discount') as is_credit,
        {{ days_between('receivables.effective_due_date', 'payments.paid_on') }} as days_after_due
    from receivables
    inner join payments
        on payments.receivable_key = receivables.receivable_key
),

collected as (
    select
        receivable_key,
        sum(case when is_credit and days_after_due <= 180 then amount else 0 end) as credited_amount,
        {% for days in horizons %}
        sum(case when is_cash and days_after_due <= {{ days }} then amount else 0 end) as received_{{ days }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from timed
    group by receivable_key
),

owed as (
    select
        receivables.creditor,
        receivables.currency,
        receivables.effective_due_date,
        greatest(receivables.amount - coalesce(collected.credited_amount, 0), 0) as owed_amount,
        {% for days in horizons %}
        greatest(coalesce(collected.received_{{ days }}, 0), 0) as received_{{ days }}{{ ',' if not loop.last }}
        {% endfor %}
    from receivables
    left join collected
        on collected.receivable_key = receivables.receivable_key
)

-- What was received above the principal (fine, interest, payment in excess) does not count for other receivables.
select
    {{ business_date() }} as business_date,
    books.book as creditor,
    currency,
    effective_due_date,
    count(*) as receivables,
    {{ money('sum(owed_amount)') }} as owed_amount,
    {% for days in horizons %}
    {{ money('sum(least(received_' ~ days ~ ', owed_amount))') }} as received_{{ days }}{{ ',' if not loop.last }}
    {% endfor %}
from owed
inner join {{ ref('int_books') }} as books on owed.creditor = books.creditor
group by books.book, currency, effective_due_date
