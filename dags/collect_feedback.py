"""
### collect_feedback

**What** Reads the workbooks that agents returned in `inbox/` into the ledger, then lands what happened before the
business date (contacts, outcomes, promises, agreements) in `landing/<date>/feedback`.

**When** Every day at 01:30, São Paulo. The day is the partition key.

**For whom** `build_warehouse`: last night's contacts and yesterday's answers decide tonight's steps.

**When it breaks** A bad row of a workbook is set aside with its reason and stops nothing. When the ledger cannot
be opened, mend it and clear the failed task. Nobody is contacted before it has succeeded.
A run that has not succeeded 2 h 30 after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import dag, task

from cobranca.orchestration.assets import feedback_landed
from cobranca.orchestration.dates import every_night_at, tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS, FEEDBACK_WITHIN, late_after


@dag(
    schedule=every_night_at(1, 30),
    max_active_runs=1,
    deadline=late_after(FEEDBACK_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "collections"},
    tags=["night", "ledger"],
    doc_md=__doc__,
)
def collect_feedback():
    @task
    def read_outcomes() -> dict | None:
        from cobranca.queues import read_outcomes

        night = tonight()
        return read_outcomes(night.settings, night.business_date)

    @task(outlets=[feedback_landed])
    def publish_feedback() -> str:
        from cobranca.ledger.feedback import publish_feedback

        night = tonight()
        return publish_feedback(night.settings, night.business_date).batch_id

    read_outcomes() >> publish_feedback()


collect_feedback()
