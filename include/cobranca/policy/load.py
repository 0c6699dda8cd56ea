"""Reading and cross-checking the manager's files. Nothing starts while one of them is wrong."""

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from cobranca.calendar import FIRST_YEAR, LAST_YEAR
from cobranca.policy.model import (
    CALL_TEMPLATES,
    EVERY_LEVEL,
    EVERY_SEGMENT,
    EVERY_STATE,
    LEGAL_TEXT_PLACES,
    NO_REGUA,
    Agent,
    CallingHours,
    Creditor,
    ExtraHoliday,
    Hold,
    LegalRate,
    Limits,
    MessageHours,
    NegotiationLimit,
    OutcomeCode,
    Override,
    Policy,
    Regua,
    ReguaFile,
    Step,
    Texts,
    Waiver,
)
from cobranca.policy.problems import Problems
from cobranca.policy.reading import Document, check, read_csv, read_yaml

FILES = (
    "regua.yml",
    "limits.yml",
    "creditor.yml",
    "agents.csv",
    "negotiation.csv",
    "holds.csv",
    "overrides.csv",
    "calling_hours.csv",
    "message_hours.csv",
    "texts.yml",
    "outcome_codes.csv",
    "legal_rates.csv",
    "extra_holidays.csv",
    "waivers.csv",
)
# Monthly rates above this are a slip of the decimal point: the Selic has not been near it since 1999.
HIGHEST_LEGAL_RATE = Decimal("0.05")
LEGAL_FINE_CAP = Decimal("0.02")
TAXA_LEGAL_SINCE = date(2024, 8, 1)
# These only remind of what is not yet late.


def load_policy(config: Path, business_date: date) -> Policy:
    """Read every policy file and return what is in force on ``business_date``.

    Raises:
        ConfigError: at least one file is absent or wrong. The message lists every problem of every file as
            ``file:line: what; cure``.
    """
    problems = Problems()
    regua = _load_regua(config / "regua.yml", business_date, problems)
    limits = _load_limits(config / "limits.yml", problems)
    creditor = _load_model(config / "creditor.yml", Creditor, problems)
    _check_offers(config / "creditor.yml", creditor, regua, problems)
    agents = _load_agents(config / "agents.csv", problems)
    negotiation = _load_negotiation(config / "negotiation.csv", agents, problems)
    holds = _load_holds(config / "holds.csv", problems)
    overrides = _load_overrides(config / "overrides.csv", regua, business_date, problems)
    calling_hours = _load_calling_hours(config / "calling_hours.csv", problems)
    message_hours = _load_message_hours(config / "message_hours.csv", problems)
    texts = _load_texts(config / "texts.yml", regua, problems)
    outcome_codes = _load_outcome_codes(config / "outcome_codes.csv", problems)
    legal_rates = _load_legal_rates(config / "legal_rates.csv", problems)
    extra_holidays = _load_extra_holidays(config / "extra_holidays.csv", problems)
    waivers = _load_waivers(config / "waivers.csv", problems)
    if not date(FIRST_YEAR, 2, 1) <= business_date < date(LAST_YEAR, 12, 1):
        problems.add(
            config / "extra_holidays.csv",
            1,
            f"the bank calendar covers {FIRST_YEAR} to {LAST_YEAR} and does not reach beyond {business_date.isoformat()}",
            "choose another business date or extend the calendar",
        )
    problems.raise_if_any()
    return Policy(
        business_date=business_date,
        regua=regua,
        limits=limits,
        creditor=creditor,
        agents=agents,
        negotiation=negotiation,
        holds=holds,
        overrides=overrides,
        calling_hours=calling_hours,
        message_hours=message_hours,
        texts=texts,
        outcome_codes=outcome_codes,
        legal_rates=legal_rates,
        extra_holidays=extra_holidays,
        waivers=waivers,
        fingerprints={name: hashlib.sha256((config / name).read_bytes()).hexdigest() for name in FILES},
        warnings=tuple(_warnings(business_date, holds, overrides, legal_rates)),
    )


def _load_model(path: Path, model: type, problems: Problems) -> Any:
    document = read_yaml(path, problems)
    return None if document is None else check(model, document.content, document, (), problems)


# ---------------------------------------------------------------------------------------------------------- texts


def _load_texts(path: Path, regua: Regua | None, problems: Problems) -> Texts | None:
    """The words for telephones: those of every step in force that needs them, complete by law."""
    document = read_yaml(path, problems)
    texts = None if document is None else check(Texts, document.content, document, (), problems)
    if texts is None:
        return None
    for template, by_channel in texts.texts.items():
        for channel, text in by_channel.items():
            missing = [name for name in LEGAL_TEXT_PLACES if f"{{{name}}}" not in text.body]
            if missing:
                problems.add(
                    path,
                    document.line(("texts", template, channel)),
                    f"the {channel} text of '{template}' lacks {', '.join(f'{{{name}}}' for name in missing)}",
                    "a text names the creditor, the CNPJ and the address (CDC, art. 42-A), itemises the amount, and says how to "
                    "pay and whom to ask",
                )
            if channel == "whatsapp" and texts.connection and not text.content_sid:
                problems.add(
                    path,
                    document.line(("texts", template, channel)),
                    f"the whatsapp text of '{template}' has no content_sid",
                    "have it approved and write its code here, or remove the text",
                )
    _check_senders(texts, path, document, problems)
    for step in {step for steps in (regua.steps.values() if regua else ()) for step in steps}:
        if step.channel in ("whatsapp", "sms") and step.channel not in texts.texts.get(step.template, {}):
            problems.add(
                path,
                document.line(("texts",)),
                f"there is no {step.channel} text for '{step.template}', which step {step.name} of the régua sends",
                "write it here, or choose another channel for the step in regua.yml",
            )
    return texts


def _check_offers(path: Path, creditor: Creditor | None, regua: Regua | None, problems: Problems) -> None:
    """What is offered binds who offers it (CDC, art. 30): a proposal has the creditor's own words or is not sent."""
    if creditor is None or regua is None or creditor.offer_options:
        return
    offers = sorted({step.name for steps in regua.steps.values() for step in steps if step.template == "offer"})
    if offers:
        problems.add(
            path,
            1,
            f"offer_options is empty, and the régua sends the template 'offer' at {', '.join(offers)}",
            "write what can be agreed upon under offer_options, or choose another template in regua.yml",
        )


def _check_senders(texts: Texts, path: Path, document: Document, problems: Problems) -> None:
    for channel, number in (("whatsapp", texts.whatsapp_from), ("sms", texts.sms_from)):
        if texts.connection and not number and any(channel in by_channel for by_channel in texts.texts.values()):
            problems.add(
                path,
                document.line((f"{channel}_from",)),
                f"'{channel}_from' is empty",
                "write the number from which these messages are sent, or remove their texts",
            )


# ---------------------------------------------------------------------------------------------------------- régua


def load_versions(path: Path) -> tuple[Regua, ...]:
    """Read and check a régua file alone; every version in it, in order of the date from which it holds.

    Raises:
        ConfigError: the file is absent or wrong; the message lists every problem as ``file:line: what; cure``.
    """
    problems = Problems()
    file, _ = _read_regua(path, problems)
    problems.raise_if_any()
    return tuple(sorted(file.versions, key=lambda version: version.effective_from))


def _read_regua(path: Path, problems: Problems) -> tuple[ReguaFile | None, Document | None]:
    document = read_yaml(path, problems)
    file = None if document is None else check(ReguaFile, document.content, document, (), problems)
    if file is None:
        return None, document
    _refuse_twice(
        ((document.line(("versions", index, "version")), version.version) for index, version in enumerate(file.versions)),
        "version",
        path,
        problems,
    )
    _refuse_twice(
        ((document.line(("versions", index, "effective_from")), v.effective_from) for index, v in enumerate(file.versions)),
        "effective_from",
        path,
        problems,
    )
    for index, version in enumerate(file.versions):
        _check_version(version, file.segments, document, ("versions", index), problems)
    return file, document


def _load_regua(path: Path, business_date: date, problems: Problems) -> Regua | None:
    file, document = _read_regua(path, problems)
    if file is None:
        return None
    in_force = [version for version in file.versions if version.effective_from <= business_date]
    if not in_force:
        problems.add(
            path,
            document.line(("versions",)),
            f"no version is in force on {business_date.isoformat()}",
            "give one an effective_from on or before that date",
        )
        return None
    return max(in_force, key=lambda version: version.effective_from)


def _check_version(version: Regua, segments: tuple[str, ...], document: Document, place: tuple, problems: Problems) -> None:
    if EVERY_SEGMENT not in version.steps:
        line = document.line((*place, "steps"))
        problems.add(document.path, line, f"version {version.version} has no régua '*'", "add one for all other segments")
    for segment, steps in version.steps.items():
        here = (*place, "steps", segment)
        if segment != EVERY_SEGMENT and segment not in segments:
            known = ", ".join(segments) or "none is listed yet"
            problems.add(
                document.path,
                document.line(here),
                f"unknown segment '{segment}'",
                f"list it under 'segments:' at the top or use one of: {known}",
            )
        lines = [document.line((*here, index)) for index in range(len(steps))]
        _check_steps(steps, lines, version.maximum_gap_days, document.path, document.line(here), problems)


def _check_steps(
    steps: tuple[Step, ...], lines: list[int], maximum_gap: int, path: Path, header: int, problems: Problems
) -> None:
    if not any(step.entry and step.offset > 0 for step in steps):
        problems.add(path, header, "no step after the due date is an entry step", "mark the first one with entry: true")
    for step, line in zip(steps, lines, strict=True):
        _check_step(step, line, path, problems)
    previous = None
    for step, line in zip(steps, lines, strict=True):
        if previous is not None:
            if step.offset == previous.offset:
                problems.add(path, line, f"step {step.name} is written twice", "remove one or change its offset")
            elif step.offset < previous.offset:
                problems.add(path, line, f"step {step.name} comes after {previous.name}", "put the steps in order of offset")
            elif step.offset - previous.offset > maximum_gap:
                problems.add(
                    path,
                    line,
                    f"gap of {step.offset - previous.offset} days between {previous.name} and {step.name}",
                    f"add a step between them: at most {maximum_gap} days (maximum_gap_days) may pass without one",
                )
        elif step.offset > maximum_gap:
            problems.add(
                path,
                line,
                f"the first step {step.name} leaves {step.offset} days without contact",
                f"start at most {maximum_gap} days (maximum_gap_days) after the due date",
            )
        previous = step


def _check_step(step: Step, line: int, path: Path, problems: Problems) -> None:
    spoken = step.template in CALL_TEMPLATES
    if spoken != (step.channel == "phone"):
        problems.add(
            path,
            line,
            f"template '{step.template}' does not belong to channel '{step.channel}'",
            f"use one of: {', '.join(CALL_TEMPLATES)} for phone, the others for email, whatsapp or sms",
        )
    # A debt that is not yet due is never spoken of as overdue, nor the other way round.
    allowed = "preventive" if step.offset < 0 else "due_today" if step.offset == 0 else None
    if (allowed and step.template != allowed) or (allowed is None and step.template in {"preventive", "due_today"}):
        wanted = allowed or "first_notice, second_notice, last_notice, offer, call or call_offer"
        problems.add(path, line, f"template '{step.template}' at step {step.name}", f"use {wanted} there")
    if len(set(step.only_classes)) != len(step.only_classes):
        problems.add(path, line, f"step {step.name} names a class twice", "keep one of them")
    if step.legal_notice and step.holdout_share:
        problems.add(
            path,
            line,
            f"step {step.name} is a legal notice and has a hold-out group",
            "everybody must get a legal notice: remove holdout_share or legal_notice",
        )


# --------------------------------------------------------------------------------------------------------- limits


def _load_limits(path: Path, problems: Problems) -> Limits | None:
    document = read_yaml(path, problems)
    limits = None if document is None else check(Limits, document.content, document, (), problems)
    if limits is None:
        return None
    if limits.maximum_per_30_days < limits.maximum_per_7_days:
        problems.add(
            path,
            document.line(("maximum_per_30_days",)),
            "maximum_per_30_days is below maximum_per_7_days",
            f"use at least {limits.maximum_per_7_days}",
        )
    if limits.consumer_fine_cap > LEGAL_FINE_CAP:
        problems.add(
            path,
            document.line(("consumer_fine_cap",)),
            "the fine of consumers is above the legal 2 % (CDC, art. 52, § 1º)",
            "use 2 % or less",
        )
    if limits.email_window.starts >= limits.email_window.ends:
        problems.add(path, document.line(("email_window",)), "email_window ends before it starts", "put starts before ends")
    return limits


# ---------------------------------------------------------------------------------------------------------- tables


def _load_agents(path: Path, problems: Problems) -> tuple[Agent, ...]:
    rows = read_csv(path, Agent, problems)
    _refuse_twice(((line, agent.agent_id) for line, agent in rows), "agent", path, problems)
    for line, agent in rows:
        if agent.agent_id == "reserva":
            problems.add(path, line, "'reserva' is the name of the list that no agent has room for", "choose another agent_id")
    return tuple(agent for _, agent in rows)


def _load_negotiation(path: Path, agents: tuple[Agent, ...], problems: Problems) -> tuple[NegotiationLimit, ...]:
    rows = read_csv(path, NegotiationLimit, problems)
    levels = {agent.level for agent in agents} | {EVERY_LEVEL}
    bands: dict[str, list[tuple[int, NegotiationLimit]]] = {}
    for line, row in rows:
        if agents and row.level not in levels:
            known = ", ".join(sorted(levels))
            problems.add(path, line, f"no agent has the level '{row.level[:40]}'", f"use one of: {known}")
        if row.to_day is not None and row.to_day < row.from_day:
            problems.add(path, line, "the band ends before it starts", "put from_day before to_day")
        bands.setdefault(row.level, []).append((line, row))
    for level, found in bands.items():
        found.sort(key=lambda band: band[1].from_day)
        for (first, lower), (second, upper) in pairwise(found):
            if lower.to_day is None or upper.from_day <= lower.to_day:
                problems.add(
                    path,
                    max(first, second),
                    f"the band overlaps the one on line {min(first, second)} for level '{level}'",
                    "let one end on the day before the other starts",
                )
    return tuple(row for _, row in rows)


def _load_holds(path: Path, problems: Problems) -> tuple[Hold, ...]:
    rows = read_csv(path, Hold, problems)
    for line, hold in rows:
        if hold.expires_on is not None and hold.expires_on < hold.starts_on:
            problems.add(path, line, "the hold expires before it starts", "correct expires_on or leave it empty")
    _refuse_twice(
        ((line, f"{hold.scope} of {hold.source} from {hold.starts_on} for {hold.reason}", hold.target_id) for line, hold in rows),
        "hold",
        path,
        problems,
    )
    return tuple(hold for _, hold in rows)


def _load_overrides(path: Path, regua: Regua | None, business_date: date, problems: Problems) -> tuple[Override, ...]:
    rows = read_csv(path, Override, problems)
    for line, override in rows:
        if override.expires_on is not None and override.expires_on < override.starts_on:
            problems.add(path, line, "the override expires before it starts", "correct expires_on or leave it empty")
        if regua is not None and override.applies_on(business_date):
            _check_override(override, line, regua, path, problems)
    _refuse_overlaps(rows, path, problems)
    return tuple(override for _, override in rows)


def _check_override(override: Override, line: int, regua: Regua, path: Path, problems: Problems) -> None:
    named = {name: value for name in ("last_step", "goes_on_after") if (value := getattr(override, name)) is not None}
    if override.regua == NO_REGUA:
        for name in named:
            problems.add(path, line, f"{name} is given, but the régua is 'none'", f"leave {name} empty or name a régua")
        return
    if override.regua not in regua.steps:
        known = ", ".join((*regua.steps, NO_REGUA))
        what = f"version {regua.version} has no régua '{override.regua[:40]}'"
        problems.add(path, line, what, f"use one of: {known}")
        return
    steps = [step.name for step in regua.steps[override.regua]]
    for name, value in named.items():
        if value not in steps:
            what = f"{name}: the régua '{override.regua}' of version {regua.version} has no step {value}"
            problems.add(path, line, what, f"use one of: {', '.join(steps)}")


def _refuse_overlaps(rows: list[tuple[int, Override]], path: Path, problems: Problems) -> None:
    """Two overrides of one customer or receivable must not be in force on one day. Its id is never printed."""
    targets: dict[tuple, list[tuple[int, Override]]] = {}
    for line, override in rows:
        targets.setdefault((override.scope, override.source, override.target_id), []).append((line, override))
    for overrides in targets.values():
        overrides.sort(key=lambda row: row[1].starts_on)
        for (first, earlier), (second, later) in pairwise(overrides):
            if earlier.expires_on is None or later.starts_on <= earlier.expires_on:
                problems.add(
                    path,
                    max(first, second),
                    f"the override is in force at the same time as the one on line {min(first, second)}",
                    "give the earlier one an expires_on before the later one starts, or remove one of them",
                )


def read_holds(path: Path) -> tuple[Hold, ...]:
    """The holds alone, as they are written at this moment.

    Raises:
        ConfigError: the file is absent or wrong.
    """
    problems = Problems()
    holds = _load_holds(path, problems)
    problems.raise_if_any()
    return holds


def _load_calling_hours(path: Path, problems: Problems) -> tuple[CallingHours, ...]:
    rows = read_csv(path, CallingHours, problems)
    _refuse_twice(((line, f"{row.state} {row.day_kind}") for line, row in rows), "state and kind of day", path, problems)
    for line, row in rows:
        if row.starts_at >= row.ends_at:
            problems.add(path, line, "the window ends before it starts", "put starts_at before ends_at")
    if rows and not any(row.state == EVERY_STATE and row.day_kind == "weekday" for _, row in rows):
        problems.add(path, rows[0][0], "no row for BR on weekdays", "add the window used where a state has no own law")
    return tuple(row for _, row in rows)


def _load_message_hours(path: Path, problems: Problems) -> tuple[MessageHours, ...]:
    rows = read_csv(path, MessageHours, problems)
    what = "state, channel and kind of day"
    _refuse_twice(((line, f"{row.state} {row.channel} {row.day_kind}") for line, row in rows), what, path, problems)
    for line, row in rows:
        if row.starts_at >= row.ends_at:
            problems.add(path, line, "the window ends before it starts", "put starts_at before ends_at")
    return tuple(row for _, row in rows)


def _load_outcome_codes(path: Path, problems: Problems) -> tuple[OutcomeCode, ...]:
    rows = read_csv(path, OutcomeCode, problems)
    _refuse_twice(((line, row.code) for line, row in rows), "code", path, problems)
    for line, row in rows:
        if row.is_right_party and not row.is_effective_contact:
            problems.add(path, line, f"{row.code} reached the customer but nobody", "set is_effective_contact to sim")
    return tuple(row for _, row in rows)


def _load_legal_rates(path: Path, problems: Problems) -> tuple[LegalRate, ...]:
    rows = read_csv(path, LegalRate, problems)
    _refuse_twice(((line, row.month) for line, row in rows), "month", path, problems)
    previous = None
    for line, row in rows:
        if row.month.day != 1:
            problems.add(path, line, f"month {row.month.isoformat()} is not the first of a month", "write it as YYYY-MM-01")
        elif row.month < TAXA_LEGAL_SINCE:
            problems.add(path, line, "the taxa legal exists since August 2024", "remove this row")
        elif previous is not None and row.month > _next_month(previous):
            problems.add(path, line, f"no rate between {previous:%Y-%m} and {row.month:%Y-%m}", "add the months between them")
        elif previous is not None and row.month < previous:
            problems.add(path, line, f"month {row.month:%Y-%m} comes after {previous:%Y-%m}", "put the months in order")
        if row.monthly_rate > HIGHEST_LEGAL_RATE:
            problems.add(
                path, line, f"{(row.monthly_rate * 100).normalize():f} % a month", "check the decimal point: 0.006 is 0.6 %"
            )
        previous = row.month
    return tuple(row for _, row in rows)


def _load_extra_holidays(path: Path, problems: Problems) -> tuple[ExtraHoliday, ...]:
    rows = read_csv(path, ExtraHoliday, problems)
    _refuse_twice(((line, row.day, row.place) for line, row in rows), "day", path, problems)
    for line, row in rows:
        if row.city is not None and row.state is None:
            problems.add(path, line, "a city is given without its state", "fill in the UF in the column state")
        if not all(FIRST_YEAR <= day.year <= LAST_YEAR for day in row.days(FIRST_YEAR, LAST_YEAR)):
            problems.add(path, line, f"day {row.day} is outside the calendar", f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
    return tuple(row for _, row in rows)


def _load_waivers(path: Path, problems: Problems) -> tuple[Waiver, ...]:
    rows = read_csv(path, Waiver, problems)
    _refuse_twice(((line, row.kind, row.source, row.receivable_id) for line, row in rows), "waiver", path, problems)
    whole = {(row.source, row.receivable_id): line for line, row in rows if row.kind == "all"}
    for line, row in rows:
        other = whole.get((row.source, row.receivable_id))
        if row.kind != "all" and other is not None:
            problems.add(path, line, f"all charges of this receivable are waived on line {other}", "keep one of the two lines")
        if row.amount is not None and row.share is not None:
            problems.add(path, line, "a waiver has an amount and a share", "keep one of them; with neither all of it is waived")
        if row.amount == 0 or row.share == 0:
            problems.add(path, line, "the waiver waives nothing", "correct its amount or share, or remove the line")
    return tuple(row for _, row in rows)


# --------------------------------------------------------------------------------------------------------- helpers


def _refuse_twice(rows: Iterable[tuple], what: str, path: Path, problems: Problems) -> None:
    """Each row is ``(line, shown, *hidden)``; the hidden part tells rows apart but is never printed."""
    first: dict[tuple, int] = {}
    for line, *key in rows:
        if tuple(key) in first:
            shown = key[0].isoformat() if isinstance(key[0], date) else key[0]
            problems.add(path, line, f"{what} '{shown}' is already on line {first[tuple(key)]}", "keep one of them")
        else:
            first[tuple(key)] = line


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def _warnings(
    business_date: date, holds: tuple[Hold, ...], overrides: tuple[Override, ...], rates: tuple[LegalRate, ...]
) -> Iterable[str]:
    for file, word, rows in (("holds.csv", "hold(s)", holds), ("overrides.csv", "override(s)", overrides)):
        expired = sum(1 for row in rows if row.expires_on is not None and row.expires_on < business_date)
        if expired:
            yield f"{file}: {expired} {word} have expired and no longer count; remove them when convenient."
    if rates and rates[-1].month < business_date.replace(day=1):
        yield f"legal_rates.csv ends at {rates[-1].month:%Y-%m}; add the months that Banco Central has published since."
