"""
### land_receivables

**What** Freezes the policy of the night, reads customers, receivables and payments of every source, each source in
one snapshot, and publishes them in `landing/<date>/sources` when the arrival checks accept them.

**When** Every day at 02:00, São Paulo. The day is the partition key.

**For whom** `build_warehouse`.

**When it breaks** An unreachable source is tried again. A failed arrival check (an empty or half-empty extract) means
that nothing is published and nobody is contacted: read `quality/<date>/index.html`, mend the source, clear this run.
A mistake in `include/config` names its file and line: mend it and clear this run.
A run that has not succeeded 2 h after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import dag, task

from cobranca.orchestration.assets import receivables_landed
from cobranca.orchestration.dates import every_night_at, tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS, LANDING_WITHIN, late_after
from cobranca.orchestration.pools import SOURCES


@dag(
    schedule=every_night_at(2, 0),
    max_active_runs=1,
    deadline=late_after(LANDING_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "data"},
    tags=["night", "landing"],
    doc_md=__doc__,
)
def land_receivables():
    @task
    def publish_policy() -> str:
        from cobranca.policy import publish_policy

        night = tonight()
        return publish_policy(night.settings, night.business_date).batch_id

    @task
    def list_sources() -> list[str]:
        from cobranca.landing import sources

        return sources(tonight().settings)

    @task(pool=SOURCES, map_index_template="{{ task.op_kwargs['source'] }}")
    def land(source: str) -> None:
        from cobranca.landing import land_source

        night = tonight()
        land_source(night.settings, night.business_date, source, night.run_key)

    @task(outlets=[receivables_landed])
    def accept() -> str:
        from cobranca.night import accept_landing

        night = tonight()
        return accept_landing(night.settings, night.business_date, night.run_key).batch_id

    names = list_sources()
    publish_policy() >> names
    land.expand(source=names) >> accept()


land_receivables()
