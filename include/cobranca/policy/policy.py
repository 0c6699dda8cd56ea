"""Everything in force on one business date, read from the configuration folder.

Each file has a module of its name in this package. To add one, write its module and give it a
field in :class:`Policy`. Nothing starts while one of the files is wrong.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from cobranca.calendar import FIRST_YEAR, LAST_YEAR
from cobranca.policy.agents import AGENTS, Agent
from cobranca.policy.bands import BANDS, Bands
from cobranca.policy.calling_hours import CALLING_HOURS, CallingHours
from cobranca.policy.config_file import ConfigFile, load_files
from cobranca.policy.creditor import CREDITORS, Creditor
from cobranca.policy.extra_holidays import EXTRA_HOLIDAYS, ExtraHoliday
from cobranca.policy.holds import HOLDS, Hold
from cobranca.policy.legal_rates import LEGAL_RATES, LegalRate
from cobranca.policy.limits import LIMITS, Limits
from cobranca.policy.message_hours import MESSAGE_HOURS, MessageHours
from cobranca.policy.negotiation import NEGOTIATION, NegotiationLimit
from cobranca.policy.outcome_codes import OUTCOME_CODES, OutcomeCode
from cobranca.policy.overrides import OVERRIDES, Override
from cobranca.policy.ranking import RANKING, Ranking
from cobranca.policy.regua import REGUA, Regua
from cobranca.policy.texts import TEXTS, Texts
from cobranca.policy.types import Frozen
from cobranca.policy.waivers import WAIVERS, Waiver
from cobranca.validation.problems import Problems


class Policy(Frozen):
    """Everything in force on one business date.

    Each field with a file is that file's content. The files are read in the order of the fields,
    so that a file's rules may look at those before it. ``fingerprints`` holds the sha256 of each
    file read, so that a night can say which files it followed; ``warnings`` are sentences for the
    person who runs the check.
    """

    business_date: date
    regua: Annotated[Regua, REGUA]
    limits: Annotated[Limits, LIMITS]
    agents: Annotated[tuple[Agent, ...], AGENTS]
    creditors: Annotated[dict[str, Creditor], CREDITORS]
    negotiation: Annotated[tuple[NegotiationLimit, ...], NEGOTIATION]
    holds: Annotated[tuple[Hold, ...], HOLDS]
    overrides: Annotated[tuple[Override, ...], OVERRIDES]
    calling_hours: Annotated[tuple[CallingHours, ...], CALLING_HOURS]
    message_hours: Annotated[tuple[MessageHours, ...], MESSAGE_HOURS]
    texts: Annotated[Texts, TEXTS]
    outcome_codes: Annotated[tuple[OutcomeCode, ...], OUTCOME_CODES]
    legal_rates: Annotated[tuple[LegalRate, ...], LEGAL_RATES]
    extra_holidays: Annotated[tuple[ExtraHoliday, ...], EXTRA_HOLIDAYS]
    waivers: Annotated[tuple[Waiver, ...], WAIVERS]
    bands: Annotated[Bands, BANDS]
    ranking: Annotated[Ranking, RANKING]
    fingerprints: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version of the group's régua."""
        return self.regua.version

    def regua_of(self, creditor: str) -> Regua:
        """The version of the régua that a creditor follows: its own, else the group's."""
        own = self.creditors[creditor].regua
        return (own and own.in_force(self.business_date)) or self.regua

    def limits_of(self, creditor: str) -> Limits:
        """The limits that hold for a creditor; one that is no more has those of the group."""
        known = self.creditors.get(creditor)
        return self.limits.of(known.limits if known else None)

    @property
    def creditor_names(self) -> dict[str, str]:
        """The name of each creditor, as customers know it, by its id."""
        return {creditor.id: creditor.trade_name for creditor in self.creditors.values()}

    @property
    def company(self) -> str:
        """The names of all creditors, as customers know them."""
        return " · ".join(self.creditor_names.values())

    @property
    def sendgrid_connections(self) -> tuple[str, ...]:
        """The connections of the creditors' SendGrid accounts, each once."""
        return tuple(dict.fromkeys(one.sendgrid_connection for one in self.creditors.values()))


FILES: dict[str, ConfigFile[Any]] = {
    field: file
    for field, info in Policy.model_fields.items()
    for file in info.metadata
    if isinstance(file, ConfigFile)
}
"""Every file of the configuration folder, by its field in the policy."""


def load_policy(config: Path, business_date: date) -> Policy:
    """Read every policy file and return what is in force on ``business_date``.

    Raises:
        ConfigError: at least one file is absent or wrong. The message lists every problem of every
            file as ``file:line: what; cure``.
    """
    problems = Problems()
    parts = load_files(tuple(FILES.values()), config, business_date, problems)
    if not date(FIRST_YEAR, 2, 1) <= business_date < date(LAST_YEAR, 12, 1):
        problems.add(
            config / EXTRA_HOLIDAYS.name,
            1,
            f"the bank calendar covers {FIRST_YEAR} to {LAST_YEAR} and does not reach beyond "
            f"{business_date.isoformat()}",
            "choose another business date or extend the calendar",
        )
    problems.raise_if_any()
    policy = Policy.model_validate(
        {field: parts[file.name] for field, file in FILES.items()}
        | {"business_date": business_date, "fingerprints": _fingerprints(config)}
    )
    return policy.model_copy(update={"warnings": tuple(_warnings(policy))})


def _fingerprints(config: Path) -> dict[str, str]:
    """The sha256 of each file by its name in the folder; one that may be absent has none."""
    return {
        path.relative_to(config).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for file in FILES.values()
        for path in file.paths(config)
    }


def _warnings(policy: Policy) -> Iterable[str]:
    for file, word, rows in (
        (HOLDS, "hold(s)", policy.holds),
        (OVERRIDES, "override(s)", policy.overrides),
    ):
        expired = sum(
            row.expires_on is not None and row.expires_on < policy.business_date for row in rows
        )
        if expired:
            yield (
                f"{file.name}: {expired} {word} have expired and no longer count; remove them when "
                "convenient."
            )
    rates = policy.legal_rates
    if rates and rates[-1].month < policy.business_date.replace(day=1):
        yield (
            f"{LEGAL_RATES.name} ends at {rates[-1].month:%Y-%m}; add the months that Banco "
            "Central has published since."
        )
