-- Whether tonight's preventive steps would have addressed the payer of each receivable on which the ranking is tried out.
with tried as (select * from {{ ref('int_ranking__backtested') }}),

-- the preventive steps of tonight's réguas
steps as (
    select distinct
        segment as regua,
        step_offset,
        only_classes,
        minimum_late_probability,
        maximum_serious_probability
    from {{ ref('stg_policy__steps') }}
),

reguas as (select distinct regua from steps),

followed as (
    select
        tried.*,
        {{ followed_regua() }} as regua
    from tried
    {{ joined_reguas('tried.creditor', 'tried.segment') }}
)

select
    followed.*,
    exists(
        select 1
        from steps
        where
            steps.step_offset <= 0
            and steps.regua = followed.regua
            and {{ fits_payer('steps', 'followed') }}
    ) as is_addressed
from followed
