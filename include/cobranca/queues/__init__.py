"""Call queues: workbooks for the agents in the morning, their answers back at night."""

from cobranca.queues.import_outcomes import read_outcomes
from cobranca.queues.write_queues import write_queues

__all__ = ["read_outcomes", "write_queues"]
