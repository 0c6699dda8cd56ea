{#- The arithmetic of the payer ranking. Shares are whole millionths, so that every engine gives the same digits. -#}

{#-
    A share of few trials pulled toward a prior share, in millionths: (events + weight x prior) / (trials + weight).
    A payer with `weight` receivables stands halfway between its own record and the prior.
-#}
{% macro shrunk_share(events, trials, prior, weight) -%}
    {{ divide_half_up(whole('(' ~ events ~ ') * 1000000 + ' ~ weight ~ ' * (' ~ prior ~ ')'), whole('(' ~ trials ~ ') + ' ~ weight)) }}
{%- endmacro %}

{#- Points that a share in millionths costs, at `most` for a share of one. -#}
{% macro points_for(share, most) -%}
    cast({{ divide_half_up(whole('(' ~ share ~ ') * ' ~ most), whole('1000000')) }} as integer)
{%- endmacro %}

{% macro millionths_to_share(millionths) -%}
    cast(cast({{ millionths }} as decimal(24, 0)) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{#- Standard deviation of whole days from their count, sum and sum of squares, cut to one place; IEEE roots agree everywhere. -#}
{% macro spread_of(number, total, squares) -%}
    cast(
        case
            when ({{ number }}) > 0
                then cast(
                    floor(
                        sqrt(cast({{ whole(number) }} * {{ whole(squares) }} - {{ whole(total) }} * {{ whole(total) }} as double precision))
                        * 10 / cast(({{ number }}) as double precision)
                    ) as decimal(18, 0)
                ) * 0.1
        end as decimal(18, 1)
    )
{%- endmacro %}

{#- A day and a number below 100 000 as one whole number that sorts by the day first; the number is what is left by `% 100000`. -#}
{% macro dated_number(day, number) -%}
    (cast({{ days_between("date '1900-01-01'", day) }} as bigint) * 100000 + least({{ number }}, 99999))
{%- endmacro %}

{#- A decimal as it is written in Portuguese. -#}
{% macro written_number(expression) -%}
    replace(cast({{ expression }} as text), '.', ',')
{%- endmacro %}

{#- Why a payer has its score, as a sentence for whoever reads the ranking: what was seen, then what each thing costs. -#}
{% macro score_reasons() -%}
    case
        when observed_receivables = 0 then 'Nenhum título pago ou vencido até agora'
        when observed_receivables = 1 and late_receivables = 0 then '1 título observado, em dia'
        when observed_receivables = 1 then '1 título observado, com atraso'
        when late_receivables = 0 then observed_receivables || ' títulos observados, todos em dia'
        when late_receivables = observed_receivables then observed_receivables || ' títulos observados, todos com atraso'
        else observed_receivables || ' títulos observados, ' || late_receivables || ' com atraso'
    end
    || case
        when max_days_late > 0 and weighted_days_late >= 0.05
            then '; os pagos, em média ' || {{ written_number('cast(weighted_days_late as decimal(18, 1))') }}
                || ' dias depois do vencimento (ponderado pelo valor), no máximo ' || max_days_late
        when max_days_late > 0
            then '; os pagos, no máximo ' || max_days_late || case when max_days_late = 1 then ' dia' else ' dias' end
                || ' depois do vencimento'
        else ''
    end
    || case
        when open_days_past_due = 1 then '; hoje há título vencido há 1 dia'
        when open_days_past_due > 1 then '; hoje há título vencido há ' || open_days_past_due || ' dias'
        else ''
    end
    || case
        when broken_promises = 1 then '; 1 promessa não cumprida'
        when broken_promises > 1 then '; ' || broken_promises || ' promessas não cumpridas'
        else ''
    end
    || '. '
    || case
        when late_points + over_7_points + over_30_points + overdue_points + promise_points = 0 then 'Nada a descontar.'
        else
            'Pontos perdidos: '
            || concat_ws(
                ', ',
                case when late_points > 0 then late_points || ' pelo risco de atraso' end,
                case when over_7_points > 0 then over_7_points || ' pelo de passar de uma semana' end,
                case when over_30_points > 0 then over_30_points || ' pelo de passar de um mês' end,
                case when overdue_points > 0 then overdue_points || ' pelo que está vencido' end,
                case when promise_points > 0 then promise_points || ' por promessas não cumpridas' end
            )
            || '.'
    end
    || case
        when observed_receivables < 4 then ' Histórico curto: pesa a média do segmento.'
        else ''
    end
{%- endmacro %}
