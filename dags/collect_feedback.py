"""
### collect_feedback

**What** Reads the workbooks that agents returned in `inbox/` and the reports of the e-mail provider that came as files in
`inbox/events/` into the ledger, brings the provider's lists of addresses that no longer work up to date, asks it about
messages of which nobody knows whether they left, then lands what happened before the business date (contacts, outcomes,
promises, agreements, wishes not to be written to) in `landing/<date>/feedback`.

**When** Every day at 01:30, São Paulo. The day is the partition key.

**For whom** `build_warehouse`: last night's contacts and yesterday's answers decide tonight's steps.

**When it breaks** A bad row of a workbook and an unreadable file are set aside with the reason and stop nothing. When the
ledger cannot be opened or the provider does not answer, mend it and clear the failed task. Nobody is contacted before it
has succeeded.
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

    @task
    def read_event_files() -> dict:
        from cobranca.events.files import read_event_files

        return read_event_files(tonight().settings)

    @task
    def pull_suppressions() -> dict:
        from cobranca.events.suppressions import pull_suppressions

        night = tonight()
        return pull_suppressions(night.settings, night.business_date)

    @task
    def reconcile() -> dict:
        from cobranca.events.reconcile import reconcile

        night = tonight()
        return reconcile(night.settings, night.business_date)

    @task(outlets=[feedback_landed])
    def publish_feedback() -> str:
        from cobranca.ledger.feedback import publish_feedback

        night = tonight()
        return publish_feedback(night.settings, night.business_date).batch_id

    [read_outcomes(), read_event_files() >> reconcile(), pull_suppressions()] >> publish_feedback()


collect_feedback()
