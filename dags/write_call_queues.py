"""
### write_call_queues

**What** Writes one workbook for each agent and the dialer file of the date to `queues/<date>`,
sorted by priority; and the list of cases that only a person can bring forward, by who acts.

**When** As soon as the plan of the date is approved; due by 07:30, São Paulo.

**Used by** The agents who call, and those who decide about cases. The agents return their
workbooks to `inbox/`, where `collect_feedback` finds them.

**When it breaks** Clear the failed task: the files of a date are replaced whole, never half.
Without an approved plan the previous files stay as they are.
A run that has not succeeded 30 min after it was queued is late: `failures/<date>.jsonl` says so.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task

from cobranca.orchestration.assets import plan_approved, queues_written
from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.default_args import DEFAULT_ARGS, QUEUES_WITHIN, deadline_after


@dag(
    schedule=PartitionedAssetTimetable(assets=plan_approved),
    max_active_runs=1,
    deadline=deadline_after(QUEUES_WITHIN),
    default_args=DEFAULT_ARGS | {"owner": "collections"},
    tags=["night", "people"],
    doc_md=__doc__,
)
def write_call_queues() -> None:
    @task(outlets=[queues_written])
    def write() -> None:
        from cobranca.queues import write_queues

        night = current_run()
        write_queues(night.settings, night.business_date)

    write()


write_call_queues()
