"""``make bench``: seconds, peak memory and rows per second of each stage, beside a floor measured in the same run.

Every stage is a process of its own, so that its peak memory is its own. The floor does the heart of the transform, aging
and ranking, as two plain DuckDB statements over the same Parquet. Nothing here passes or fails; a person reads the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from math import log
from pathlib import Path

from cobranca.settings import PROJECT_ROOT, Settings

NIGHT = date(2026, 11, 18)
STAGES = ("generate", "policy", "load", "build", "freeze", "gate", "floor")
CONSTANT_SIZE = 1_000
# The models that do what the floor does: balances, charges, aging, behaviour, ranking.
HEART = (
    "int_customers__unified",
    "int_receivables__balanced",
    "int_charges__computed",
    "int_receivables__aged",
    "fct_aging",
    "int_payers__behaved",
    "int_payers__ranked",
)

AGING = """
    select
        customer_id,
        currency,
        case
            when days <= 0 then 'not_due' when days <= 30 then '1-30' when days <= 60 then '31-60'
            when days <= 90 then '61-90' when days <= 180 then '91-180' else '181+'
        end as aging_band,
        count(*) as receivables,
        sum(open_amount) as open_amount
    from (
        select
            r.customer_id,
            r.currency,
            date '{night}' - r.due_date as days,
            r.amount - coalesce(p.paid, 0) as open_amount
        from read_parquet('{receivables}') as r
        left join (
            select receivable_id, sum(amount) as paid from read_parquet('{payments}') where paid_on <= '{night}' group by 1
        ) as p using (receivable_id)
        where r.status = 'open'
    )
    where open_amount > 0
    group by all
"""
RANKING = """
    select
        r.customer_id,
        count(*) as settled,
        avg(case when p.paid_on <= r.due_date then 1 else 0 end) as on_time_rate,
        avg(greatest(p.paid_on - r.due_date, 0)) as mean_days_late,
        max(p.paid_on - r.due_date) as max_days_late,
        rank() over (order by avg(greatest(p.paid_on - r.due_date, 0))) as rank
    from read_parquet('{receivables}') as r
    join (
        select receivable_id, max(paid_on) as paid_on, sum(amount) as paid
        from read_parquet('{payments}') where paid_on <= '{night}' group by 1
    ) as p using (receivable_id)
    where p.paid >= r.amount
    group by r.customer_id
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, 1_000_000], help="numbers of receivables")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        run_stage(arguments.stage, arguments.folder, arguments.sizes[0])
        return
    sizes = arguments.sizes or [100_000, 1_000_000]
    figures = {}
    for size in [CONSTANT_SIZE, *sizes]:
        figures[size] = measure(size)
    report(figures, sizes)


def measure(size: int) -> dict[str, tuple[float, float]]:
    """Seconds and peak MiB of each stage for one size; prints a row as each one ends."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        print(f"\n{size:,} receivables\n  {'stage':<10}{'seconds':>10}{'peak MiB':>10}{'rows/s':>12}")
        for stage in STAGES:
            figures[stage] = seconds, peak = timed(stage, folder, size)
            print(f"  {stage:<10}{seconds:>10.1f}{peak:>10.0f}{size / seconds:>12,.0f}", flush=True)
        figures["models"] = model_seconds(Path(folder))
        slowest = sorted(figures["models"].items(), key=lambda item: -item[1])[:5]
        print("  slowest models: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest), flush=True)
    return figures


def model_seconds(folder: Path) -> dict[str, float]:
    """What dbt itself measured for each model of the build."""
    results = json.loads((folder / ".dbt" / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {
        result["unique_id"].split(".")[-1]: result["execution_time"]
        for result in results
        if result["unique_id"].startswith("model.")
    }


def timed(stage: str, folder: str, size: int) -> tuple[float, float]:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks", str(size), "--stage", stage, "--folder", folder])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"stage {stage} failed at {size:,} receivables")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def run_stage(stage: str, folder: Path, size: int) -> None:
    settings = Settings(
        config=PROJECT_ROOT / "include" / "config",
        data=folder,
        warehouse=f"duckdb:///{folder / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{folder / 'ledger.db'}",
        delivery="outbox",
    )
    if stage == "generate":
        from cobranca.demo.landing import generate_landing

        generate_landing(settings, NIGHT, size)
    elif stage == "policy":
        from cobranca.ledger.feedback import publish_feedback
        from cobranca.policy import publish_policy

        publish_policy(settings, NIGHT)
        publish_feedback(settings, NIGHT)
    elif stage == "load":
        from cobranca import warehouse

        warehouse.prepare(settings, NIGHT)
    elif stage == "build":
        from cobranca.warehouse.build import run_all

        run_all(settings, NIGHT)
    elif stage == "freeze":
        from cobranca import warehouse

        warehouse.freeze(settings, NIGHT)
    elif stage == "gate":
        from cobranca.outbound import read_candidate
        from cobranca.quality import check_plan

        check_plan(settings, NIGHT, read_candidate(settings, NIGHT))
    else:
        floor(settings)


def floor(settings: Settings) -> None:
    """The two statements with the warehouse's own memory limit."""
    import duckdb

    from cobranca.manifest import read_manifest

    landing = read_manifest(settings.folder("landing", NIGHT, "sources")).folder
    files = {name: next(landing.glob(f"*/{name}.parquet")) for name in ("receivables", "payments")}
    with duckdb.connect(str(settings.data / "floor.duckdb")) as connection:
        connection.execute("set memory_limit = '1400MB'")
        for name, query in (("aging", AGING), ("ranking", RANKING)):
            connection.execute(f"create table {name} as {query.format(night=NIGHT, **files)}")


def report(figures: dict, sizes: list[int]) -> None:
    print("\nTransform (build) against the floor of the same run")
    constant = figures[CONSTANT_SIZE]["build"][0]
    print(f"  constant part, seen at {CONSTANT_SIZE:,} receivables: {constant:.1f} s")
    for size in sizes:
        built, least = figures[size]["build"][0], figures[size]["floor"][0]
        heart = sum(figures[size]["models"][name] - figures[CONSTANT_SIZE]["models"][name] for name in HEART)
        print(
            f"  {size:>12,}: floor {least:.1f} s; aging and ranking models constant + {heart / least:.1f} x floor;"
            f" whole build {built:.1f} s = constant + {(built - constant) / least:.1f} x floor"
        )
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        growth = log((figures[larger]["build"][0] - constant) / max(figures[smaller]["build"][0] - constant, 0.1)) / log(
            larger / smaller
        )
        print(f"  growth from {smaller:,} to {larger:,}: exponent {growth:.2f}")
    peak = max(figures[size][stage][1] for size in sizes for stage in STAGES if stage not in ("generate", "floor"))
    print(f"  largest peak memory of a stage: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
