"""
### build_warehouse

**What** Loads the landed files, builds the models layer by layer, freezes the night's plan as a
candidate batch, and publishes it in `outbound/<date>` when the gate approves it.

**When** As soon as the feedback and the receivables of the same date have landed.

**Used by** `send_reminders`, `write_call_queues` and `publish_reports`, which read the approved
batch and nothing else.

**When it breaks** A failed model or test is named in the task's log, a failed gate in
`quality/<date>/index.html`. Until the run succeeds no one is contacted, and the last good queues
stay. After the cure, clear the run from its first task. Building a date again gives the same batch.
A run that has not succeeded 2 h 30 after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import PartitionedAssetTimetable, chain, dag, task

from cobranca.orchestration.assets import feedback_landed, plan_approved, receivables_landed
from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.default_args import BUILD_WITHIN, DEFAULT_ARGS, deadline_after
from cobranca.orchestration.pools import WAREHOUSE

LAYERS = ("staging", "intermediate", "marts", "finance", "outbound")


@dag(
    schedule=PartitionedAssetTimetable(assets=feedback_landed & receivables_landed),
    max_active_runs=1,
    deadline=deadline_after(BUILD_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "data", "pool": WAREHOUSE},
    tags=["night", "warehouse"],
    doc_md=__doc__,
)
def build_warehouse() -> None:
    @task
    def load() -> None:
        from cobranca.warehouse import prepare

        night = current_run()
        prepare(night.settings, night.business_date)

    @task
    def build(layer: str) -> None:
        from cobranca.warehouse import build_layer

        night = current_run()
        build_layer(night.settings, night.business_date, layer)

    @task
    def freeze() -> str:
        from cobranca.warehouse import freeze

        night = current_run()
        return freeze(night.settings, night.business_date).batch_id

    @task(outlets=[plan_approved])
    def approve() -> None:
        from cobranca.night import approve

        night = current_run()
        approve(night.settings, night.business_date)

    layers = [build.override(task_id=f"build_{layer}")(layer) for layer in LAYERS]
    chain(load(), *layers, freeze(), approve())


build_warehouse()
