"""The manager's files: who is contacted when, within which limits, by whom and on whose behalf.

:func:`load_policy` reads and checks every file of the configuration folder; :func:`publish_policy` freezes
what is in force on a business date as tables beside that date's landing.
"""

from cobranca.policy.load import load_policy
from cobranca.policy.model import Policy
from cobranca.policy.publish import publish_policy

__all__ = ["Policy", "load_policy", "publish_policy"]
