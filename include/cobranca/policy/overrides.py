"""``overrides.csv``: who follows another régua, or none."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Literal

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.creditor import check_creditor, reguas_in_force
from cobranca.policy.regua import Step
from cobranca.policy.types import NO_REGUA, Frozen, StepName, Text


class Override(Frozen):
    """A person's decision that a customer or a receivable follows another régua.

    ``regua`` is ``*``, the name of a segment's or of a creditor's régua, or ``none`` for no contact
    at all. The cadence ends with ``last_step``. ``expires_on`` is the last day. For a payer already
    contacted about an overdue debt under another régua, ``goes_on_after`` says which step of the
    new one counts as done; without it the case goes to a person.
    """

    scope: Literal["customer", "receivable"]
    """What follows another régua. A receivable's override beats its customer's."""
    source: Text
    """The source of the customer or receivable."""
    target_id: Text
    """Its id in that source."""
    creditor: Text | None = None
    """Creditor of the receivables that follow another régua, of a customer; empty for all."""
    regua: Text
    """`*`, the name of a segment's régua, `<creditor>/*` of a creditor with its own, or `none` for
    no contact.
    """
    last_step: StepName | None = None
    """Last step that is done; after it a person decides."""
    goes_on_after: StepName | None = None
    """Step of the new régua that counts as done for a payer who was already contacted; without it
    such a case goes to a person.
    """
    reason: Text
    """Why."""
    author: Text
    """Who decided."""
    starts_on: date
    """First day."""
    expires_on: date | None = None
    """Last day; empty has no end."""

    def applies_on(self, day: date) -> bool:
        """Whether the override is in force on a day."""
        return self.starts_on <= day and (self.expires_on is None or day <= self.expires_on)


def _check(overrides: list[Line[Override]], reading: Reading) -> None:
    reguas = reguas_in_force(reading)
    for line, override in overrides:
        check_creditor(override.scope, override.creditor, line, reading)
        if override.expires_on is not None and override.expires_on < override.starts_on:
            reading.refuse(
                line,
                "the override expires before it starts",
                "correct expires_on or leave it empty",
            )
        if reguas is not None and override.applies_on(reading.business_date):
            _check_names(override, line, reguas, reading)
    _refuse_overlaps(overrides, reading)


def _check_names(
    override: Override, line: int, reguas: Mapping[str, tuple[Step, ...]], reading: Reading
) -> None:
    """The régua and the steps that an override names are those of a version in force."""
    given = {"last_step": override.last_step, "goes_on_after": override.goes_on_after}
    named = {name: value for name, value in given.items() if value is not None}
    if override.regua == NO_REGUA:
        for name in named:
            reading.refuse(
                line,
                f"{name} is given, but the régua is 'none'",
                f"leave {name} empty or name a régua",
            )
        return
    if override.regua not in reguas:
        known = ", ".join((*reguas, NO_REGUA))
        what = f"no version in force has a régua '{override.regua[:40]}'"
        reading.refuse(line, what, f"use one of: {known}")
        return
    steps = [step.name for step in reguas[override.regua]]
    for name, value in named.items():
        if value not in steps:
            what = f"{name}: the régua '{override.regua}' has no step {value}"
            reading.refuse(line, what, f"use one of: {', '.join(steps)}")


def _refuse_overlaps(overrides: list[Line[Override]], reading: Reading) -> None:
    """Two overrides of one customer (and creditor) or receivable are never in force on one day.

    The id of the customer or receivable is never printed.
    """
    targets: dict[tuple[str | None, ...], list[Line[Override]]] = {}
    for line, override in overrides:
        target = (override.scope, override.source, override.target_id, override.creditor)
        targets.setdefault(target, []).append((line, override))
    for found in targets.values():
        found.sort(key=lambda row: row[1].starts_on)
        for (first, earlier), (second, later) in pairwise(found):
            if earlier.expires_on is None or later.starts_on <= earlier.expires_on:
                reading.refuse(
                    max(first, second),
                    "the override is in force at the same time as the one on line "
                    f"{min(first, second)}",
                    "give the earlier one an expires_on before the later one starts, or remove "
                    "one of them",
                )


OVERRIDES = csv_file("overrides.csv", Override, check=_check)
