{{ config(materialized='view') }}

-- What a call to each payer is expected to recover, in the currency of the receivable that carries the payer's cadence.
with asked as (select * from {{ ref('int_calls__asked') }}),

bands as (select * from {{ ref('stg_policy__bands') }}),

calls as (
    select * from asked
    where
        not is_same_call
        and is_in_carrier_currency
),

-- amounts in other currencies, and what other creditors ask on the same call, are listed, never added
others as (
    select
        asked.customer_key,
        {%- set amount = "asked.currency || ' ' || " ~ as_text('asked.amount_due') %}
        {{ joined_text(
            'case when asked.creditor = calls.creditor then ' ~ amount ~ ' end', '; ', order_by='asked.currency'
        ) }} as other_currencies,
        {{ joined_text(
            "case when asked.creditor <> calls.creditor then asked.creditor || ' ' || " ~ amount ~ ' end',
            '; ',
            order_by='asked.creditor, asked.currency'
        ) }} as other_creditors
    from asked
    inner join calls on asked.customer_key = calls.customer_key
    where asked.creditor <> calls.creditor or asked.currency <> calls.currency
    group by asked.customer_key
),

expected as (
    select
        calls.*,
        others.other_currencies,
        others.other_creditors,
        bands.recovery_percent,
        bands.guaranteed_percent
    from calls
    inner join bands on calls.aging_band = bands.aging_band
    left join others on calls.customer_key = others.customer_key
),

valued as (
    select
        *,
        {{ cents_to_money(divide_half_up(cents('amount_due') ~ ' * recovery_percent', 100)) }} as priority
    from expected
)

select * from valued
