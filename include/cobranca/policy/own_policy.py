"""What a creditor's file says of its own: a régua, limits and how far agents may go.

Where it says nothing, the group's files hold. It is refused for what they would be refused for.
"""

from collections.abc import Sequence

from cobranca.policy.config_file import Reading
from cobranca.policy.limits import LIMITS, CreditorLimits, check_charges
from cobranca.policy.negotiation import NegotiationLimit, check_negotiation
from cobranca.policy.regua import REGUA, ReguaFile, check_regua, regua_name
from cobranca.validation.documents import Document


def check_own_regua(creditor: str, regua: ReguaFile, document: Document, reading: Reading) -> None:
    """Refuse a wrong régua, and one whose name a segment of the group's has."""
    check_regua(regua, document.part("regua"), reading)
    group = reading.part(REGUA)
    for segment in group.steps if group is not None else ():
        if segment.startswith(regua_name(creditor, "")):
            reading.refuse(
                document.line(("regua",)),
                f"the segment '{segment}' of {REGUA.name} has the name of a régua of this creditor",
                "rename the segment, or the creditor's file",
            )


def check_own_limits(limits: CreditorLimits, document: Document, reading: Reading) -> None:
    """Refuse limits that contradict the law, or those of the group that hold beside them."""
    group = reading.part(LIMITS)
    if group is not None:
        check_charges(group.of(limits), document.part("limits"), reading)


def check_own_negotiation(
    rows: Sequence[NegotiationLimit], document: Document, reading: Reading
) -> None:
    """Refuse unknown levels, and bands of one level that overlap."""
    written = document.part("negotiation")
    check_negotiation([(written.line((at,)), row) for at, row in enumerate(rows)], reading)
