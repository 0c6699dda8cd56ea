"""Types of the values that policy files hold, each with its bounds.

Amounts are in reais, rates are fractions (``0.02``, also written ``2 %``), offsets are days counted
from the effective due date.
"""

import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from validate_docbr import CNPJ, CPF

from cobranca.money import format_rate, parse_money
from cobranca.payments import pix

STATES = (
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA",
    "PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
)  # fmt: skip
EVERY_STATE = "BR"
EVERY_SEGMENT = "*"
EVERY_LEVEL = "*"
NO_REGUA = "none"
Channel = Literal["email", "whatsapp", "sms", "phone"]
Template = Literal[
    "preventive",
    "due_today",
    "first_notice",
    "second_notice",
    "last_notice",
    "offer",
    "call",
    "call_offer",
]
PayerClass = Literal["pontual", "viciado", "irregular", "critico", "novo"]
AfterPayment = Literal["none", "thank_you", "survey"]
InterestStart = Literal["original_due", "effective_due"]
HoldReason = Literal["dispute", "promise", "agreement", "legal", "deceased", "hardship", "opt_out"]
Effect = Literal[
    "none", "promise", "agreement", "paid_claim", "dispute",
    "wrong_number", "deceased", "refused", "do_not_call", "scheduled", "request",
]  # fmt: skip
CALL_TEMPLATES: tuple[Template, ...] = ("call", "call_offer")
# What a WhatsApp or SMS text must name (CDC, art. 42-A; Lei SP 14.953/2013), and what else it may.
LEGAL_TEXT_PLACES = ("razao_social", "cnpj", "endereco", "contato", "valores", "link")
TEXT_PLACES = (
    "nome", "credor", *LEGAL_TEXT_PLACES,
    "documento", "titulos", "vencimento", "vencimentos", "hoje", "total",
)  # fmt: skip
PAYER_CLASSES: tuple[PayerClass, ...] = get_args(PayerClass)


def _rate(value: object) -> object:
    if isinstance(value, str):
        text = value.strip().replace(",", ".")
        try:
            return Decimal(text[:-1].strip()) / 100 if text.endswith("%") else Decimal(text)
        except InvalidOperation:
            raise ValueError(
                "not a rate; write a fraction such as 0.02 or a percentage such as 2 %"
            ) from None
    return value


def _share(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise ValueError(
            f"{format_rate(value)} is not between 0 % and 100 %; write 2 % (or 0.02) "
            "for two per cent"
        )
    return value


def parse_amount(value: object) -> object:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        try:
            return parse_money(value)
        except ValueError:
            raise ValueError("not an amount; write it as 1234.56 or 1.234,56") from None
    return value


def _flag(value: object) -> object:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in {"sim", "true", "1", "yes"}:
            return True
        if text in {"não", "nao", "false", "0", "no"}:
            return False
        raise ValueError("neither yes nor no; write sim or não")
    return value


def _state(value: str) -> str:
    if value not in STATES:
        raise ValueError(f"unknown UF '{value[:10]}'; use one of: {', '.join(STATES)}")
    return value


def parse_state_or_country(value: str) -> str:
    return value if value == EVERY_STATE else _state(value)


def parse_states(value: object) -> object:
    if value is None:
        return ()
    return tuple(re.split(r"[\s,/]+", value.strip())) if isinstance(value, str) else value


def _step_name(value: str) -> str:
    if not re.fullmatch(r"d0|d[+-][1-9]\d{0,3}", value):
        raise ValueError("not the name of a step; write it as d-3, d0 or d+10")
    return value


def parse_day_or_anniversary(value: str) -> str:
    try:
        date.fromisoformat(value if len(value) == 10 else f"2000-{value}")
    except ValueError:
        raise ValueError("not a day; write it as YYYY-MM-DD, or as MM-DD for every year") from None
    return value


def _clock(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value.strip()):
        raise ValueError("not a time of day; write it as HH:MM, for example 09:00")
    return time.fromisoformat(value.strip())


def parse_tax_id(value: str) -> str:
    if not (CNPJ().validate(value.upper()) or CPF().validate(value)):
        raise ValueError("not a valid CNPJ or CPF; check its digits")
    return value.upper()


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError("not an e-mail address; write it as name@company.com.br")
    return value


def parse_pix_key(value: str) -> str:
    try:
        pix.build(pix.PixCode(key=value, name="A", city="A"))
    except pix.InvalidPix:
        raise ValueError(
            "not a Pix key; write a CPF, CNPJ, e-mail, phone as +55… or random key, without blanks"
        ) from None
    return value


def parse_text_places(value: str) -> str:
    for name in re.findall(r"\{(.*?)\}", value):
        if name not in TEXT_PLACES:
            raise ValueError(
                f"unknown place '{{{name[:20]}}}'; use one of: "
                f"{', '.join(f'{{{place}}}' for place in TEXT_PLACES)}"
            )
    return value


Text = Annotated[str, Field(min_length=1)]
PhoneNumber = Annotated[str, Field(pattern=r"^\+\d{8,15}$")]
Rate = Annotated[Decimal, BeforeValidator(_rate), AfterValidator(_share), Field(decimal_places=6)]
Amount = Annotated[
    Decimal, BeforeValidator(parse_amount), Field(ge=0, max_digits=18, decimal_places=2)
]
Days = Annotated[int, Field(ge=0)]
Flag = Annotated[bool, BeforeValidator(_flag)]
State = Annotated[str, AfterValidator(_state)]
Clock = Annotated[time, BeforeValidator(_clock)]
Email = Annotated[str, AfterValidator(_address)]
Link = Annotated[str, Field(pattern=r"^https://[^\s/?#@]+([/?][^\s#]*)?$")]
StepName = Annotated[str, AfterValidator(_step_name)]


Row = Mapping[str, object]
"""A row of a published table by column, as :mod:`pyarrow` takes it."""


class Frozen(BaseModel):
    """A model that refuses unknown settings and cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
