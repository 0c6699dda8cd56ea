"""``regua.yml``: the versions of the régua de cobrança and their steps."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cobranca.policy.config_file import ConfigFile, Reading, load_alone, load_document, yaml_file
from cobranca.policy.types import (
    CALL_TEMPLATES,
    EVERY_SEGMENT,
    Amount,
    Channel,
    Frozen,
    PayerClass,
    Rate,
    Template,
    Text,
)
from cobranca.validation.documents import Document, Place, refuse_duplicates


class Step(Frozen):
    """One step of a régua. ``only_classes`` is empty where the step is for every payer.

    ``minimum_amount`` is in reais, ``minimum_share`` a fraction of all that the payer has open in
    that currency: what is overdue must reach both. ``holdout_share`` is the fraction of payers who
    do not get the step, so that its effect can be measured; ``None`` takes the limits' one. A
    ``legal_notice`` is never held out.
    """

    offset: int = Field(ge=-30, le=3650)
    """Days after the effective due date; below zero before it."""
    channel: Channel
    """Over which channel. WhatsApp and SMS reach only payers who chose them; for others the step
    goes by e-mail and, without an e-mail, by telephone.
    """
    template: Template
    """Which letter, or for `phone` which script."""
    requires_approval: bool = False
    """Whether a person approves the messages before they leave."""
    minimum_amount: Amount = Decimal(0)
    """The step holds from this overdue amount on, in reais; below it the step before holds."""
    minimum_share: Rate = Decimal(0)
    """The step holds if what is overdue is at least this share of all that the payer has open in
    that currency.
    """
    only_classes: tuple[PayerClass, ...] = ()
    """The payer classes for which the step is; none means all."""
    minimum_late_probability: Rate = Decimal(0)
    """The least share of receivables that a payer must be expected to pay late to get the step."""
    maximum_serious_probability: Rate = Decimal(1)
    """The highest share that a payer may be expected to pay more than 30 days late."""
    entry: bool = False
    """Whether a debt that arrives already overdue may begin at this step."""
    holdout_share: Rate | None = None
    """Share of payers left out of the step by a fixed lot, to measure its effect; without it that
    of `limits.yml` holds.
    """
    legal_notice: bool = False
    """Whether the law requires the notice. It has no hold-out group, and no later step supersedes
    it.
    """

    @property
    def name(self) -> str:
        """``d-3``, ``d0``, ``d+10``."""
        return f"d{self.offset:+d}" if self.offset else "d0"


def regua_name(creditor: str, segment: str) -> str:
    """The name by which tables, decisions and overrides call a creditor's own régua.

    That of the group is named by its segment alone.
    """
    return f"{creditor}/{segment}"


def step_offset(name: str | None) -> int | None:
    """The offset of a step's name: ``d+10`` is 10."""
    return None if name is None else int(name.removeprefix("d"))


class Regua(Frozen):
    """One version of the régua: its steps by segment.

    ``*`` is every segment without a régua of its own.
    """

    # The slash parts the version from the régua's name where a decision tells both.
    version: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^/]+$")]
    """Name of the version; it stands on every decision."""
    effective_from: date
    """First business date of the version. On each date the newest version that has begun is in
    force.
    """
    maximum_gap_days: int = Field(default=30, ge=1)
    """Most days that may pass without a step."""
    steps: dict[str, tuple[Step, ...]]
    """The steps by segment, in order of offset. `*` is the régua of all segments without their
    own.
    """

    def steps_of(self, segment: str | None) -> tuple[Step, ...]:
        """The steps of a segment, or the general ones where it has none of its own."""
        return self.steps.get(segment or EVERY_SEGMENT) or self.steps[EVERY_SEGMENT]


class ReguaFile(Frozen):
    """``regua.yml``: the segments with a régua of their own, and every version ever in force."""

    segments: tuple[Text, ...] = ()
    """Segments (column `segment` of customers) that may have a régua of their own."""
    versions: tuple[Regua, ...] = Field(min_length=1)
    """Every version that was ever in force, and those to come."""

    def in_force(self, day: date) -> Regua | None:
        """The version in force on a day: of those that have begun, the newest."""
        begun = [version for version in self.versions if version.effective_from <= day]
        return max(begun, key=lambda version: version.effective_from) if begun else None


def load_versions(path: Path) -> tuple[Regua, ...]:
    """Every version of a régua file, in order of the date from which it holds.

    Raises:
        ConfigError: the file is absent or wrong; the message lists every problem as ``file:line:
            what; cure``.
    """
    file = load_alone(_VERSIONS, path)
    return tuple(sorted(file.versions, key=lambda version: version.effective_from))


def _load_in_force(reading: Reading) -> Regua | None:
    """The version in force on the business date; the whole file is checked."""
    loaded = load_document(reading, ReguaFile)
    if loaded is None:
        return None
    file, document = loaded
    check_regua(file, document, reading)
    in_force = file.in_force(reading.business_date)
    if in_force is None:
        reading.refuse(
            document.line(("versions",)),
            f"no version is in force on {reading.business_date.isoformat()}",
            "give one an effective_from on or before that date",
        )
    return in_force


def check_regua(file: ReguaFile, document: Document, reading: Reading) -> None:
    """Refuse versions of one name or day, and steps that contradict each other."""
    for field, values in (
        ("version", [version.version for version in file.versions]),
        ("effective_from", [version.effective_from.isoformat() for version in file.versions]),
    ):
        keys = [
            (document.line(("versions", index, field)), (value,))
            for index, value in enumerate(values)
        ]
        refuse_duplicates(keys, field, reading.path, reading.problems)
    for index, version in enumerate(file.versions):
        _check_version(version, file.segments, document, ("versions", index), reading)


def _check_version(
    version: Regua, segments: tuple[str, ...], document: Document, place: Place, reading: Reading
) -> None:
    if EVERY_SEGMENT not in version.steps:
        reading.refuse(
            document.line((*place, "steps")),
            f"version {version.version} has no régua '*'",
            "add one for all other segments",
        )
    for segment, steps in version.steps.items():
        here = (*place, "steps", segment)
        if segment != EVERY_SEGMENT and segment not in segments:
            known = ", ".join(segments) or "none is listed yet"
            reading.refuse(
                document.line(here),
                f"unknown segment '{segment}'",
                f"list it under 'segments:' at the top or use one of: {known}",
            )
        if not any(step.entry and step.offset > 0 for step in steps):
            reading.refuse(
                document.line(here),
                "no step after the due date is an entry step",
                "mark the first one with entry: true",
            )
        lines = [document.line((*here, index)) for index in range(len(steps))]
        for step, line in zip(steps, lines, strict=True):
            _check_step(step, line, reading)
        _check_order(steps, lines, version.maximum_gap_days, reading)


def _check_order(
    steps: tuple[Step, ...], lines: list[int], maximum_gap: int, reading: Reading
) -> None:
    """The steps stand in order of offset, and no gap is longer than allowed."""
    if steps and steps[0].offset > maximum_gap:
        reading.refuse(
            lines[0],
            f"the first step {steps[0].name} leaves {steps[0].offset} days without contact",
            f"start at most {maximum_gap} days (maximum_gap_days) after the due date",
        )
    for (previous, step), line in zip(pairwise(steps), lines[1:], strict=True):
        gap = step.offset - previous.offset
        if gap == 0:
            reading.refuse(
                line, f"step {step.name} is written twice", "remove one or change its offset"
            )
        elif gap < 0:
            reading.refuse(
                line,
                f"step {step.name} comes after {previous.name}",
                "put the steps in order of offset",
            )
        elif gap > maximum_gap:
            reading.refuse(
                line,
                f"gap of {gap} days between {previous.name} and {step.name}",
                f"add a step between them: at most {maximum_gap} days (maximum_gap_days) may "
                "pass without one",
            )


def _check_step(step: Step, line: int, reading: Reading) -> None:
    spoken = step.template in CALL_TEMPLATES
    if spoken != (step.channel == "phone"):
        reading.refuse(
            line,
            f"template '{step.template}' does not belong to channel '{step.channel}'",
            f"use one of: {', '.join(CALL_TEMPLATES)} for phone, the others for email, whatsapp "
            "or sms",
        )
    # A debt that is not yet due is never spoken of as overdue, nor the other way round.
    allowed = "preventive" if step.offset < 0 else "due_today" if step.offset == 0 else None
    if (allowed and step.template != allowed) or (
        allowed is None and step.template in {"preventive", "due_today"}
    ):
        wanted = allowed or "first_notice, second_notice, last_notice, offer, call or call_offer"
        reading.refuse(
            line, f"template '{step.template}' at step {step.name}", f"use {wanted} there"
        )
    if len(set(step.only_classes)) != len(step.only_classes):
        reading.refuse(line, f"step {step.name} names a class twice", "keep one of them")
    if step.legal_notice and step.holdout_share:
        reading.refuse(
            line,
            f"step {step.name} is a legal notice and has a hold-out group",
            "every payer must get a legal notice: remove holdout_share or legal_notice",
        )


_VERSIONS = yaml_file("regua.yml", ReguaFile, check=check_regua)
REGUA = ConfigFile("regua.yml", ReguaFile, _load_in_force)
