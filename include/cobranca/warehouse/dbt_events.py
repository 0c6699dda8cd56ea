"""dbt's events without those that nobody reads.

dbt puts some eight thousand events a night into words before it looks whether they are logged, a
tenth of the time of a small build.
"""

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager


class Failures(EventManager):
    """The events that dbt itself may turn into failures."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        if force_warn_or_error_handling or self.require_warn_or_error_handling:
            super().fire_event(e, level, node, force_warn_or_error_handling)
