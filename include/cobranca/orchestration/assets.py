"""The assets of one night, in the order in which they appear.

Each carries the business date as its partition key. Assets are the only tie between DAGs. The
outlet belongs to the task that checks the result, never to the one that makes it and never to a
mapped task: after a failed check no other DAG starts.
"""

from airflow.sdk import Asset

GROUP = "cobranca"

feedback_landed = Asset(name="feedback_landed", group=GROUP)
receivables_landed = Asset(name="receivables_landed", group=GROUP)
plan_approved = Asset(name="plan_approved", group=GROUP)
reminders_sent = Asset(name="reminders_sent", group=GROUP)
queues_written = Asset(name="queues_written", group=GROUP)
reports_published = Asset(name="reports_published", group=GROUP)

IN_ORDER = (
    feedback_landed,
    receivables_landed,
    plan_approved,
    reminders_sent,
    queues_written,
    reports_published,
)
