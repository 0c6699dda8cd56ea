"""The gate: Great Expectations on what arrived and on what is about to be done to people.

A verdict is data, bound to one batch. Whoever contacts people reads the verdict of that very batch, or does nothing.
Great Expectations takes seconds to import, so it is imported only while a check runs.
"""

from cobranca.quality.gate import check_arrivals, check_plan
from cobranca.quality.verdict import Check, Verdict, read_verdict, require_approval

__all__ = ["Check", "Verdict", "check_arrivals", "check_plan", "read_verdict", "require_approval"]
