"""The manager's files: who is contacted when, within which limits, and by which agents.

:func:`load_policy` reads and checks every file of the configuration folder; :func:`publish_policy`
freezes what is in force on a business date as tables next to that date's landing.
"""

from cobranca.policy.policy import Policy, load_policy
from cobranca.policy.publish import publish_policy

__all__ = ["Policy", "load_policy", "publish_policy"]
