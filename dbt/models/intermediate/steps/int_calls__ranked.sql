-- The order of calling: by what a call is expected to recover, with a guaranteed share for one band.
with valued as (
    select * from {{ ref('int_calls__valued') }}
),

guaranteed as (
    select max(guaranteed_percent) as share_percent from {{ ref('stg_policy__bands') }}
),

ranked as (
    select
        valued.*,
        guaranteed.share_percent,
        row_number() over (order by priority desc, customer_key) as overall_rank,
        row_number() over (partition by (guaranteed_percent > 0) order by priority desc, customer_key) as band_rank
    from valued
    cross join guaranteed
),

-- with 30 % the third call of the band stands among the first ten, so that high old values never crowd it out
placed as (
    select
        *,
        row_number() over (
            order by
                case
                    when guaranteed_percent > 0 then least(share_percent * overall_rank, 100 * band_rank)
                    else share_percent * overall_rank
                end,
                overall_rank
        ) as place
    from ranked
)

select * from placed
