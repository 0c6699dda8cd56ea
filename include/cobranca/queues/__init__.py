"""The people who call: their workbooks go out in the morning, what they heard comes back at night."""

from cobranca.queues.outcomes import read_outcomes
from cobranca.queues.write import write_queues

__all__ = ["read_outcomes", "write_queues"]
