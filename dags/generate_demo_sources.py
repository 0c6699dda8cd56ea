"""
### generate_demo_sources

**What** Fills the two demo source databases, connections `erp` and `billing`, with a made-up company as it stands at
the end of the business date.

**When** By hand, with the date as the partition key.

**For whom** Whoever tries the product. It refuses to write into a database that holds something else.

**When it breaks** Clear the failed task: the same date always gives the same rows.
"""

from airflow.sdk import PartitionedAtRuntime, dag, task

from cobranca.orchestration.dates import START, tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS


@dag(
    schedule=PartitionedAtRuntime(),
    start_date=START,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["demo"],
    doc_md=__doc__,
)
def generate_demo_sources():
    @task
    def fill() -> None:
        from cobranca.connections import get_connection
        from cobranca.demo.company import fill

        night = tonight()
        fill(get_connection("erp").url(), get_connection("billing").url(), night.business_date)

    fill()


generate_demo_sources()
