"""
### generate_demo_sources

**What** Makes the two demo source databases, connections `erp` and `billing`, hold a made-up company as it was known
on the business date. The tables of those names are replaced: never point these connections at real systems.

**When** By hand, with the date as the partition key; `payers` is the size of the company.

**For whom** Whoever tries the product.

**When it breaks** Clear the failed task: the same date always gives the same rows.
"""

from airflow.sdk import PartitionedAtRuntime, dag, task

from cobranca.orchestration.dates import tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS


@dag(
    schedule=PartitionedAtRuntime(),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={"payers": 2000},
    tags=["demo"],
    doc_md=__doc__,
)
def generate_demo_sources():
    @task
    def fill(params: dict | None = None) -> dict:
        from cobranca.connections import get_connection
        from cobranca.demo.company import fill

        night = tonight()
        urls = [get_connection(conn_id).url() for conn_id in ("erp", "billing")]
        return fill(*urls, night.business_date, payers=params["payers"])

    fill()


generate_demo_sources()
