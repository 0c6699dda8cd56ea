with predictions as (select * from {{ ref('int_ranking__predictions_unioned') }}),

-- each month, and all of them together (no as-of date)
valued as (
    select
        as_of_date,
        target,
        predictor,
        predicted,
        count(*) as receivables,
        count(case when came_true then 1 end) as positives,
        count(case when is_addressed then 1 end) as addressed,
        count(case when is_addressed and came_true then 1 end) as addressed_positives
    from predictions
    group by grouping sets ((as_of_date, target, predictor, predicted), (target, predictor, predicted)) -- noqa: PRS
),

-- how many stand above each value, and how many below it turned out well
ordered as (
    select
        *,
        coalesce(as_of_date, {{ business_date() }}) as scope_date,
        sum(receivables) over (
            partition by as_of_date, target, predictor
            order by predicted desc
            rows between unbounded preceding and current row
        ) - receivables as receivables_above,
        sum(receivables - positives) over (
            partition by as_of_date, target, predictor
            order by predicted
            rows between unbounded preceding and current row
        ) - (receivables - positives) as negatives_below,
        sum(addressed) over (partition by as_of_date, target, predictor) as addressed_in_all
    from valued
),

-- AUC is the share of pairs (one that came true, one that did not) in the right order, a tie counting half. At equal volume a
-- predictor addresses as many receivables as the preventive step does, its worst first; of ties it takes a proportional part.
summed as (
    select
        as_of_date,
        target,
        predictor,
        sum(receivables) as receivables,
        sum(positives) as positives,
        sum(addressed) as addressed,
        sum(addressed_positives) as addressed_positives,
        sum({{ whole('positives') }} * {{ whole('2 * negatives_below + receivables - positives') }}) as ordered_half_pairs,
        sum(
            {{ divide_half_up(
                whole('10000 * positives')
                ~ ' * ' ~ whole('greatest(least(addressed_in_all - receivables_above, receivables), 0)'),
                whole('receivables')
            ) }}
        ) as positives_at_volume
    from ordered
    group by as_of_date, target, predictor
)

select
    {{ business_date() }} as business_date,
    coalesce({{ as_text('as_of_date') }}, 'all') as period,
    as_of_date,
    target,
    predictor,
    cast(receivables as bigint) as receivables,
    cast(positives as bigint) as positives,
    {{ ratio('positives', 'receivables') }} as positive_share,
    {{ ratio('ordered_half_pairs', '2 * ' ~ whole('positives') ~ ' * ' ~ whole('receivables - positives')) }} as auc,
    cast(addressed as bigint) as addressed_receivables,
    {{ ratio('addressed_positives', 'addressed') }} as step_precision,
    {{ ratio('addressed_positives', 'positives') }} as step_recall,
    {{ ratio('positives_at_volume', '10000 * ' ~ whole('addressed')) }} as precision_at_volume
from summed
