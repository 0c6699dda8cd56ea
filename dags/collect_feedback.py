"""
### collect_feedback

**What** Reads the workbooks that agents returned in `inbox/`, and the e-mail provider's reports
that came as files in `inbox/events/`, into the ledger. Pulls the provider's suppression lists.
Reconciles messages in doubt with the provider. Then lands what happened before the business date
(contacts, outcomes, promises, agreements, opt-outs) in `landing/<date>/feedback`.

**When** Every day at 01:30, São Paulo. The day is the partition key.

**Used by** `build_warehouse`: last night's contacts and yesterday's answers decide the next steps.

**When it breaks** A bad row of a workbook and an unreadable file are set aside with the reason and
stop nothing. When the ledger cannot be opened or the provider does not answer, correct that and
clear the failed task. No one is contacted before it has succeeded.
A run that has not succeeded 2 h 30 after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import dag, task

from cobranca.orchestration.assets import feedback_landed
from cobranca.orchestration.business_date import current_run, nightly_at
from cobranca.orchestration.default_args import DEFAULT_ARGS, FEEDBACK_WITHIN, deadline_after


@dag(
    schedule=nightly_at(1, 30),
    max_active_runs=1,
    deadline=deadline_after(FEEDBACK_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "collections"},
    tags=["night", "ledger"],
    doc_md=__doc__,
)
def collect_feedback() -> None:
    @task
    def read_outcomes() -> dict[str, int] | None:
        from cobranca.queues import read_outcomes

        night = current_run()
        return read_outcomes(night.settings, night.business_date)

    @task
    def read_event_files() -> dict[str, int]:
        from cobranca.events.event_files import read_event_files

        return read_event_files(current_run().settings)

    @task
    def pull_suppressions() -> dict[str, int]:
        from cobranca.events.suppressions import pull_suppressions

        night = current_run()
        return pull_suppressions(night.settings, night.business_date)

    @task
    def reconcile() -> dict[str, int]:
        from cobranca.events.reconcile import reconcile

        night = current_run()
        return reconcile(night.settings, night.business_date)

    @task(outlets=[feedback_landed])
    def publish_feedback() -> str:
        from cobranca.ledger.feedback import publish_feedback

        night = current_run()
        return publish_feedback(night.settings, night.business_date).batch_id

    [read_outcomes(), read_event_files() >> reconcile(), pull_suppressions()] >> publish_feedback()


collect_feedback()
