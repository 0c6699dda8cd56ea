"""
### publish_reports

**What** Writes the finance pack of the date to `reports/<date>`: one offline HTML page with plots
and one workbook.

**When** As soon as the plan of the date is approved.

**Used by** Finance.

**When it breaks** Clear the failed task; the report of a date is replaced whole. Totals that do not
tie to the marts stop it: the message names both numbers.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task

from cobranca.orchestration.assets import plan_approved, reports_published
from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.default_args import DEFAULT_ARGS


@dag(
    schedule=PartitionedAssetTimetable(assets=plan_approved),
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"owner": "finance"},
    tags=["night", "finance"],
    doc_md=__doc__,
)
def publish_reports() -> None:
    @task(outlets=[reports_published])
    def publish() -> None:
        from cobranca.reports import write_reports

        night = current_run()
        write_reports(night.settings, night.business_date)

    publish()


publish_reports()
