"""
### land_receivables

**What** Freezes the policy of the night, reads customers, receivables and payments of every source,
each source in one snapshot, and publishes them in `landing/<date>/sources` when the arrival checks
accept them.

**When** Every day at 02:00, São Paulo. The day is the partition key.

**Used by** `build_warehouse`.

**When it breaks** An unreachable source is tried again. A failed arrival check (an empty or
half-empty extract) means that nothing is published and no one is contacted: read
`quality/<date>/index.html`, correct the source, clear this run. An error in `include/config` names
its file and line: correct it and clear this run.
A run that has not succeeded 2 h after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import dag, task

from cobranca.orchestration.assets import receivables_landed
from cobranca.orchestration.business_date import current_run, nightly_at
from cobranca.orchestration.default_args import DEFAULT_ARGS, LANDING_WITHIN, deadline_after
from cobranca.orchestration.pools import SOURCES


@dag(
    schedule=nightly_at(2, 0),
    max_active_runs=1,
    deadline=deadline_after(LANDING_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "data"},
    tags=["night", "landing"],
    doc_md=__doc__,
)
def land_receivables() -> None:
    @task
    def publish_policy() -> str:
        from cobranca.policy import publish_policy

        night = current_run()
        return publish_policy(night.settings, night.business_date).batch_id

    @task
    def list_sources() -> list[str]:
        from cobranca.landing.land import sources

        return sources(current_run().settings)

    @task(pool=SOURCES, map_index_template="{{ task.op_kwargs['source'] }}")
    def land(source: str) -> None:
        from cobranca.landing.land import land_source

        night = current_run()
        land_source(night.settings, night.business_date, source, night.run_key)

    @task(outlets=[receivables_landed])
    def accept() -> str:
        from cobranca.night import accept_landing

        night = current_run()
        return accept_landing(night.settings, night.business_date, night.run_key).batch_id

    names = list_sources()
    publish_policy() >> names
    land.expand(source=names) >> accept()


land_receivables()
