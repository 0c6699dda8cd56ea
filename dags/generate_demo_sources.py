"""
### generate_demo_sources

**What** Fills the two demo source databases, connections `erp` and `billing`, with a made-up
company as it was known on the business date. The tables of those names are replaced: never point
these connections at real systems.

**When** By hand, with the date as the partition key; `payers` is the size of the company.

**Used by** A newcomer who tries the product.

**When it breaks** Clear the failed task: the same date always gives the same rows.
"""

from airflow.sdk import PartitionedAtRuntime, dag, get_current_context, task

from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.default_args import DEFAULT_ARGS


@dag(
    schedule=PartitionedAtRuntime(),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={"payers": 2000},
    tags=["demo"],
    doc_md=__doc__,
)
def generate_demo_sources() -> None:
    @task
    def fill() -> dict[str, int]:
        from cobranca.connections import get_connection
        from cobranca.demo.fill_sources import fill

        night, payers = current_run(), get_current_context()["params"]["payers"]
        erp, billing = (get_connection(conn_id).url() for conn_id in ("erp", "billing"))
        return fill(erp, billing, night.business_date, payers=payers)

    fill()


generate_demo_sources()
