{#- When a receivable counts as settled. A rest is what no one is asked for any more. -#}

{#- Whether what is left of a receivable is within the tolerance. Reads limits. -#}
{% macro within_tolerance(left, amount) -%}
    ({{ left }} <= coalesce(limits.tolerance_amount, 0) or {{ left }} <= {{ amount }} * coalesce(limits.tolerance_share, 0))
{%- endmacro %}

{#-
    Whether nothing is left, or of a receivable that was partly paid no more than the tolerance; or where at most half is left,
    less than the smallest amount that is asked for. Reads limits.
-#}
{% macro is_rest(left, amount) -%}
    (
        {{ left }} <= 0
        or (
            {{ left }} < {{ amount }}
            and (
                {{ within_tolerance(left, amount) }}
                or ({{ left }} < coalesce(limits.minimum_amount, 0) and {{ left }} * 2 <= {{ amount }})
            )
        )
    )
{%- endmacro %}

{#-
    The day since which no more than a rest is left, and what the payer itself paid by then: one row for each combination of the
    `per` columns of a relation that has the columns receivable_key, creditor, amount and principal; `until` is its column of the last day
    that counts. The bookings of one day are one step. What a later reversal opened again is settled on the day that closes it
    anew; a write-off is a loss and settles nothing. Reads payments and limits.
-#}
{% macro settlements(relation, per, until=none) -%}
    select
        {{ per | join(', ') }},
        settled_on,
        {{ money("sum(case when kind in ('payment', 'reversal') then booked_amount else 0 end)") }} as paid_amount
    from (
        select
            running.*,
            coalesce(
                max(case when not {{ is_rest('running.left_amount', 'running.amount') }} then running.next_paid_on end)
                    over (partition by {{ per | join(', ') }}),
                min(running.paid_on) over (partition by {{ per | join(', ') }})
            ) as settled_on
        from (
            select
                owed.{{ per | join(', owed.') }},
                owed.creditor,
                owed.amount,
                payments.kind,
                payments.paid_on,
                payments.amount as booked_amount,
                owed.principal - (sum(payments.amount) over by_day) as left_amount,
                lead(payments.paid_on) over by_day as next_paid_on
            from {{ relation }} as owed
            inner join payments on owed.receivable_key = payments.receivable_key
            where
                payments.kind <> 'write_off'
                {%- if until %}
                and payments.paid_on <= owed.{{ until }}
                {%- endif %}
            window by_day as (partition by owed.{{ per | join(', owed.') }} order by payments.paid_on)
        ) as running
        inner join limits on running.creditor = limits.creditor
    ) as dated
    where paid_on <= settled_on
    group by {{ per | join(', ') }}, settled_on
{%- endmacro %}
