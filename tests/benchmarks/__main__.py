"""``make bench``: seconds, peak memory and rows per second of each stage, next to floors.

Every stage is a process of its own, so that its peak memory and its seconds of processor are its
own; the latter hold on a busy machine too. Two floors, measured in the same run, do the transform's
work as plain DuckDB statements over the same Parquet: ``heart`` is aging and ranking alone,
``floor`` all that the build hands on (see :mod:`tests.benchmarks.floors`). Nothing here passes or
fails; a person reads the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import pairwise
from math import log
from pathlib import Path

from tests.benchmarks.floors import HEART, WHOLE, statements

from cobranca.settings import PROJECT_ROOT, Settings

NIGHT = date(2026, 11, 18)
STAGES = ("generate", "policy", "load", "parse", "build", "freeze", "gate", "heart", "floor")
CONSTANT_SIZE = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "sizes", nargs="*", type=int, default=[100_000, 1_000_000], help="numbers of receivables"
    )
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


def measure(size: int) -> dict:
    """Seconds, peak MiB and processor seconds of each stage for one size.

    Prints a row as each stage ends.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"\n{size:,} receivables\n  "
            f"{'stage':<10}{'seconds':>10}{'processor':>11}{'peak MiB':>10}{'rows/s':>12}"
        )
        for stage in STAGES:
            figures[stage] = seconds, peak, processor = timed(stage, folder, size)
            print(
                "  "
                f"{stage:<10}{seconds:>10.1f}{processor:>11.1f}{peak:>10.0f}"
                f"{size / seconds:>12,.0f}",
                flush=True,
            )
        models, figures["nodes"] = model_seconds(Path(folder))
        slowest = sorted(models.items(), key=lambda item: -item[1])[:5]
        print(
            "  slowest models: "
            + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest),
            flush=True,
        )
    return figures


def model_seconds(folder: Path) -> tuple[dict[str, float], int]:
    """What dbt itself measured for each model of the build, and how many nodes it ran."""
    results = json.loads(
        (folder / ".dbt" / "target" / "run_results.json").read_text(encoding="utf-8")
    )["results"]
    models = {
        result["unique_id"].split(".")[-1]: result["execution_time"]
        for result in results
        if result["unique_id"].startswith("model.")
    }
    return models, len(results)


def timed(stage: str, folder: str, size: int) -> tuple[float, float, float]:
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks", str(size), "--stage", stage, "--folder", folder]
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"stage {stage} failed at {size:,} receivables")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def run_stage(stage: str, folder: Path, size: int) -> None:
    settings = Settings(
        config=PROJECT_ROOT / "include" / "config",
        data=folder,
        warehouse=f"duckdb:///{folder / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{folder / 'ledger.db'}",
        delivery="outbox",
    )
    if stage == "generate":
        from cobranca.demo.bulk_landing import generate_landing

        generate_landing(settings, NIGHT, size)
    elif stage == "policy":
        from cobranca.ledger.feedback import publish_feedback
        from cobranca.policy import publish_policy

        publish_policy(settings, NIGHT)
        publish_feedback(settings, NIGHT)
    elif stage == "load":
        from cobranca import warehouse

        warehouse.prepare(settings, NIGHT)
    elif stage == "parse":
        # Only the first night of an installation reads the project; the next ones find it read.
        from cobranca.warehouse.dbt import run_dbt
        from cobranca.warehouse.engines import open_warehouse

        environment = open_warehouse(settings.warehouse).dbt_environment()
        run_dbt("parse", environment=environment, business_date=NIGHT, work=settings.data / ".dbt")
    elif stage == "build":
        from cobranca.warehouse.build import run_all

        run_all(settings, NIGHT)
    elif stage == "freeze":
        from cobranca import warehouse

        warehouse.freeze(settings, NIGHT)
    elif stage == "gate":
        from cobranca.partitions.outbound_partition import read_candidate
        from cobranca.quality import check_plan

        check_plan(settings, NIGHT, read_candidate(settings, NIGHT))
    else:
        floor(settings, HEART if stage == "heart" else WHOLE)


def floor(settings: Settings, queries: dict[str, str]) -> None:
    """The statements with the warehouse's own memory limit, into a file as the warehouse does."""
    import duckdb

    from cobranca.partitions.manifest import read_manifest

    landing = read_manifest(settings.folder("landing", NIGHT, "sources")).folder
    files = {
        name: str(next(landing.glob(f"*/{name}.parquet")))
        for name in ("customers", "receivables", "payments")
    }
    files["calendar"] = str(
        read_manifest(settings.folder("landing", NIGHT, "policy")).path("policy_calendar.parquet")
    )
    path = settings.data / "floor.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("set memory_limit = '1400MB'")
        connection.execute("set preserve_insertion_order = false")
        for statement in statements(queries, night=NIGHT.isoformat(), **files):
            connection.execute(statement)


def report(figures: dict, sizes: list[int]) -> None:
    """Ratios to the floors and growth, in processor seconds.

    The part that does not grow is shown apart.
    """

    def processor(size: int, stage: str) -> float:
        return figures[size][stage][2]

    constant = processor(CONSTANT_SIZE, "build")
    print("\nTransform (build) against the floors of the same run, in processor seconds")
    print(
        f"  constant part (dbt itself, {figures[CONSTANT_SIZE]['nodes']} nodes), at "
        f"{CONSTANT_SIZE:,} receivables: {constant:.1f}"
    )
    for size in sizes:
        built, whole, heart = (processor(size, stage) for stage in ("build", "floor", "heart"))
        print(
            f"  {size:>12,}: build {built:.1f} = constant + {(built - constant) / whole:.1f} x "
            "the floor of the same work"
            f" ({whole:.1f}); all of it {built / whole:.1f} x; {built / heart:.1f} x aging and "
            f"ranking alone ({heart:.1f})"
        )
    for smaller, larger in pairwise(sizes):
        steps = log(larger / smaller)
        growth = (
            log(
                (processor(larger, "build") - constant)
                / max(processor(smaller, "build") - constant, 0.1)
            )
            / steps
        )
        plain = log(processor(larger, "floor") / processor(smaller, "floor")) / steps
        whole = log(processor(larger, "build") / processor(smaller, "build")) / steps
        print(
            f"  growth from {smaller:,} to {larger:,}: exponent {whole:.2f}, without the constant "
            f"part {growth:.2f};"
            f" floor {plain:.2f}"
        )
    peak = max(
        figures[size][stage][1]
        for size in sizes
        for stage in STAGES
        if stage not in ("generate", "heart", "floor")
    )
    print(f"  largest peak memory of a stage: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
