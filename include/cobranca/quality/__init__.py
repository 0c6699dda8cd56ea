"""The gate: Great Expectations on what arrived and on what is about to be done to people.

A verdict is data, bound to one batch. Code that contacts people reads the verdict of that very
batch, or does nothing. Great Expectations takes seconds to import, so it is imported only while a
check runs.
"""

from cobranca.quality.gate import check_arrivals, check_plan

__all__ = ["check_arrivals", "check_plan"]
