"""``creditor.yml`` and ``creditors/``: for whom messages are written, and what they may offer."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator

from cobranca.policy.config_file import ConfigFile, Reading, load_document
from cobranca.policy.letterhead import LARGEST_LOGO, Logo, parse_color, read_logo
from cobranca.policy.limits import LIMITS, CreditorLimits
from cobranca.policy.negotiation import NegotiationLimit
from cobranca.policy.own_policy import check_own_limits, check_own_negotiation, check_own_regua
from cobranca.policy.regua import REGUA, Regua, ReguaFile, Step, regua_name
from cobranca.policy.types import (
    AfterPayment,
    Email,
    Frozen,
    Link,
    State,
    Text,
    parse_pix_key,
    parse_tax_id,
)
from cobranca.schema import PRINCIPAL
from cobranca.validation.documents import Document

NAME, FOLDER = "creditor.yml", "creditors"

_ID = re.compile(r"[a-z][a-z0-9_]{0,29}")


class Creditor(Frozen):
    """Who collects; printed on every message (Código de Defesa do Consumidor, art. 42-A).

    ``after_payment`` says what a payer hears once a late debt was settled, at most once a quarter.
    """

    legal_name: Text
    """Registered name of the company that collects."""
    trade_name: Text
    """Name that customers know."""
    tax_id: Annotated[str, AfterValidator(parse_tax_id)]
    """Its tax id, printed on every message."""
    address: Text
    """Street, number and district."""
    city: Text
    """City; also written into Pix codes."""
    state: State
    """State."""
    postal_code: Annotated[str, Field(pattern=r"^\d{5}-\d{3}$")]
    """CEP, `00000-000`."""
    phone: Text
    """Where a payer reaches a person."""
    email: Email
    """Where a payer writes to a person."""
    website: Link | None = None
    """The company's site, shown in messages."""
    service_hours: Text
    """When that person can be reached, in words."""
    sender_name: Text
    """Name from which e-mails come."""
    sender_email: Email
    """Address from which e-mails come."""
    reply_to: Email
    """Address to which answers go."""
    sendgrid_connection: Text = "sendgrid"
    """Id of the connection that holds SendGrid's key."""
    logo: Text | None = None
    """PNG next to this file, of at most 30 kB, at the head of every letter."""
    color: Annotated[str, AfterValidator(parse_color)] | None = None
    """Colour of the head, the buttons and the links of letters, as `"#0b5f58"`; white must be
    readable on it.
    """
    pix_key: Annotated[str, AfterValidator(parse_pix_key)] | None = None
    """Key for Pix codes of our own, used only where a receivable brings no suitable code; without
    it none is offered.
    """
    offer_options: tuple[Text, ...] = ()
    """What the letter `offer` says can be agreed. What is announced binds (CDC, art. 30). Without
    it the régua cannot use `offer`.
    """
    education_url: Link | None = None
    """Page on how not to forget due dates, shown to payers who are habitually a few days late."""
    unsubscribe_url: Link | None = None
    """Page that stops e-mails with one click; without it a payer answers the e-mail."""
    survey_url: Link | None = None
    """Page of the survey, needed for `survey`."""
    after_payment: AfterPayment = "none"
    """What a payer receives after a late debt was paid, at most once in 90 days."""
    regua: ReguaFile | None = None
    """A régua of its own, written as in `regua.yml`; the group's holds until its first version
    begins.
    """
    limits: CreditorLimits | None = None
    """Limits in which it differs from `limits.yml`."""
    negotiation: tuple[NegotiationLimit, ...] = ()
    """How far agents may go for it, with the columns of `negotiation.csv`, which it replaces."""
    _picture: Logo | None = PrivateAttr(default=None)
    _id: str = PrivateAttr(default=PRINCIPAL)
    _file_name: str = PrivateAttr(default=NAME)

    @field_validator("after_payment")
    @classmethod
    def _has_what_it_needs(cls, value: str, info: ValidationInfo) -> str:
        if value == "survey" and info.data.get("survey_url") is None:
            raise ValueError(
                "a survey needs the address of its questions; write survey_url above, or "
                "thank_you here"
            )
        return value

    @property
    def id(self) -> str:
        """The name of its file, by which sources and tables name it."""
        return self._id

    @property
    def file_name(self) -> str:
        """The name of its file in the configuration folder."""
        return self._file_name

    @property
    def picture(self) -> Logo | None:
        """The logo, as letters show it."""
        return self._picture

    @property
    def signature(self) -> str:
        """Who signs its messages: names, tax id, address and sender (CDC, art. 42-A)."""
        return (
            f"{self.trade_name} ({self.legal_name}), CNPJ {self.tax_id}, {self.full_address}, from "
            f"{self.sender_email}"
        )

    @property
    def full_address(self) -> str:
        """The address on one line, as messages print it."""
        return f"{self.address} – {self.city}/{self.state} – CEP {self.postal_code}"


Creditors: TypeAlias = Mapping[str, Creditor]
"""Every creditor by its id, in the order of the ids."""


def creditor_files(config: Path) -> dict[str, Path]:
    """The files of the creditors by id: ``creditors/<id>.yml``, and ``creditor.yml`` as PRINCIPAL.

    ``creditor.yml`` is listed although it is absent where there is no other, so that it is missed.
    """
    folder = config / FOLDER
    found = {path.stem: path for path in (*folder.glob("*.yml"), *folder.glob("*.yaml"))}
    single = config / NAME
    if single.exists() or not found:
        found.setdefault(PRINCIPAL, single)
    return dict(sorted(found.items()))


def _load(reading: Reading) -> Creditors | None:
    found: dict[str, Creditor] = {}
    first_with: dict[str, Path] = {}
    files = creditor_files(reading.path.parent)
    if reading.path.exists() and files[PRINCIPAL] != reading.path:
        reading.refuse(
            1,
            f"{FOLDER}/{files[PRINCIPAL].name} is the creditor of this file, too",
            "keep one of the two files",
        )
    for creditor_id, path in files.items():
        own = replace(reading, path=path)
        if not _ID.fullmatch(creditor_id):
            own.refuse(
                1,
                f"'{creditor_id}' is no id of a creditor",
                "name the file with small letters, digits and _, for example atacado.yml",
            )
        loaded = load_document(own, Creditor)
        if loaded is None:
            continue
        creditor, document = loaded
        creditor._id = creditor_id
        creditor._file_name = path.relative_to(reading.path.parent).as_posix()
        _load_logo(creditor, document, own)
        _check_own_policy(creditor, document, own)
        if creditor.tax_id in first_with:
            own.refuse(
                document.line(("tax_id",)),
                f"its tax id is that of {first_with[creditor.tax_id].name}, too",
                "give each company one file, and each file the company's own tax id",
            )
        first_with.setdefault(creditor.tax_id, path)
        found[creditor_id] = creditor
    _check_accounts(found, reading)
    return found if len(found) == len(files) else None


def steps_by_regua(regua: Regua, creditors: Creditors, day: date) -> dict[str, tuple[Step, ...]]:
    """The steps of every régua in force on a day by its name, the group's before the creditors'."""
    found = dict(regua.steps)
    for creditor in creditors.values():
        own = creditor.regua and creditor.regua.in_force(day)
        for segment, steps in own.steps.items() if own else ():
            found[regua_name(creditor.id, segment)] = steps
    return found


def reguas_in_force(reading: Reading) -> dict[str, tuple[Step, ...]] | None:
    """The steps of every régua that a file may name; ``None`` while one of their files is wrong."""
    regua, creditors = reading.part(REGUA), reading.part(CREDITORS)
    if regua is None or creditors is None:
        return None
    return steps_by_regua(regua, creditors, reading.business_date)


def check_creditor(scope: str, creditor: str | None, line: int, reading: Reading) -> None:
    """Refuse a line about one creditor that is about a receivable, or names no creditor."""
    if creditor is None:
        return
    # A file that is read alone names creditors that were checked before.
    known = reading.part(CREDITORS) if CREDITORS.name in reading.parts else None
    if scope == "receivable":
        reading.refuse(
            line, "a receivable is of one creditor anyway", "leave the creditor empty on this line"
        )
    elif known is not None and creditor not in known:
        reading.refuse(
            line, f"there is no creditor '{creditor[:30]}'", f"use one of: {', '.join(known)}"
        )


def _load_logo(creditor: Creditor, document: Document, reading: Reading) -> None:
    if creditor.logo is None:
        return
    try:
        if Path(creditor.logo).name != creditor.logo:
            raise ValueError("lies in another folder")
        creditor._picture = read_logo(reading.path.parent / creditor.logo)
    except ValueError as error:
        reading.refuse(
            document.line(("logo",)),
            f"the logo '{creditor.logo}' {error}",
            f"put a PNG of at most {LARGEST_LOGO:,} bytes next to {reading.path.name}, or remove "
            "the line",
        )


def _check_accounts(creditors: Creditors, reading: Reading) -> None:
    """A batch that leaves later lies with one account (delivery_mode in limits.yml)."""
    limits = reading.part(LIMITS)
    accounts = {creditor.sendgrid_connection for creditor in creditors.values()}
    if limits is not None and limits.delivery_mode == "scheduled" and len(accounts) > 1:
        reading.refuse(
            1,
            "delivery_mode is 'scheduled', and the creditors send by several SendGrid accounts: "
            f"{', '.join(sorted(accounts))}",
            "use delivery_mode: immediate in limits.yml, or one sendgrid_connection",
        )


def _check_own_policy(creditor: Creditor, document: Document, reading: Reading) -> None:
    if creditor.regua is not None:
        check_own_regua(creditor.id, creditor.regua, document, reading)
    if creditor.limits is not None:
        check_own_limits(creditor.limits, document, reading)
    check_own_negotiation(creditor.negotiation, document, reading)
    _check_offers(creditor, reading)


def _check_offers(creditor: Creditor, reading: Reading) -> None:
    """An offer has the creditor's own words or is not sent: it binds (CDC, art. 30)."""
    own = creditor.regua and creditor.regua.in_force(reading.business_date)
    regua = own or reading.part(REGUA)
    if regua is None or creditor.offer_options:
        return
    offers = sorted(
        {step.name for steps in regua.steps.values() for step in steps if step.template == "offer"}
    )
    if offers:
        reading.refuse(
            1,
            "offer_options is empty, and the régua sends the template 'offer' at "
            f"{', '.join(offers)}",
            "write what can be agreed upon under offer_options, or choose another template in "
            "regua.yml",
        )


CREDITORS = ConfigFile(NAME, Creditor, _load, creditor_files)
