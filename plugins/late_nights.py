"""What Airflow's triggerer runs when a run of the night is late, so that somebody can know before the agents do.

It lies here because the triggerer finds by name only what is in the plugins folder. Every component of Airflow reads this file
at its start: it imports nothing of ours until a run is late.
"""

import asyncio
import logging

log = logging.getLogger(__name__)


async def record_late_run(context: dict) -> None:
    """Log one readable sentence and append it to ``<data>/failures/<business date>.jsonl``, as a failed task does.

    Never raises. A triggerer that stops in between may do it twice.
    """
    try:
        # In a thread: other callbacks and waiting tasks share the triggerer's loop, and the disk may be slow.
        await asyncio.to_thread(_record, context)
    except Exception:
        log.exception("the late run could not be recorded")


def _record(context: dict) -> None:
    from cobranca.orchestration.defaults import append, describe_late

    late = describe_late(context["dag_run"], context["deadline"]["deadline_time"])
    log.error("%(dag)s for %(business_date)s is %(message)s", late)
    append(late)
