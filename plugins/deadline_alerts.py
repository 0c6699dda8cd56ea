"""Record a late run of the night, so that an operator can know before the agents do.

Airflow's triggerer runs this. It finds by name only what is in the plugins folder. Every component
of Airflow reads this file at its start, so it imports nothing of ours until a run is late.
"""

import asyncio
import logging
from typing import Any

log = logging.getLogger(__name__)


async def record_late_run(context: dict[str, Any]) -> None:
    """Log one readable sentence and append it to ``<data>/failures/<business date>.jsonl``.

    A failed task is recorded the same way. Never raises. A triggerer that stops in between may
    record the run twice.
    """
    try:
        # In a thread: other callbacks and waiting tasks share the triggerer's loop, and the disk
        # may be slow.
        await asyncio.to_thread(_record, context)
    except Exception:
        log.exception("the late run could not be recorded")


def _record(context: dict[str, Any]) -> None:
    from cobranca.orchestration.failure_log import append, describe_late

    late = describe_late(context["dag_run"], context["deadline"]["deadline_time"])
    log.error("%(dag)s for %(business_date)s is %(message)s", late)
    append(late)
