"""The payers of the demo company: made-up names, tax ids, e-mail addresses and phones.

They are as untidy as those of real companies.
"""

import unicodedata
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cobranca.demo.tax_ids import cnpj, cpf

PROFILES = ("pontual", "habitual", "irregular", "seldom", "defaulter", "newcomer")
_SHARES = (0.33, 0.28, 0.22, 0.05, 0.07, 0.05)
# who pays badly buys less on credit
_SIZES = {
    "pontual": 1.5,
    "habitual": 0.9,
    "irregular": 0.4,
    "seldom": 1.2,
    "defaulter": 0.4,
    "newcomer": 0.8,
}

_FIRST = (
    "Adélia", "Aurora", "Benedito", "Caetano", "Clarice", "Dalva", "Davi", "Eugênia", "Fátima",
    "Flávio", "Gilberto", "Helena", "Inês", "Iracema", "Jandira", "João", "Jorge", "José", "Juçara",
    "Lourdes", "Luís", "Márcia", "Marília", "Miguel", "Nádia", "Nair", "Osvaldo", "Otília", "Paulo",
    "Quitéria", "Raimundo", "Renata", "Rubens", "Sônia", "Tarsila", "Tomás", "Ubirajara", "Valéria",
    "Vicente", "Zélia",
)  # fmt: skip
_LAST = (
    "Abacateiro", "Araucária", "Bacupari", "Cajueiro", "Cambuci", "Carnaúba", "Cerejeira",
    "Copaíba", "Embaúba", "Figueira", "Goiabeira", "Grumixama", "Guabiroba", "Ipê", "Jabuticaba",
    "Jacarandá", "Jatobá", "Jequitibá", "Juazeiro", "Laranjeira", "Mangueira", "Manacá", "Oliveira",
    "Paineira", "Palmeira", "Pereira", "Pitanga", "Quaresmeira", "Sapucaia", "Sibipiruna",
    "Sumaúma", "Umbuzeiro",
)  # fmt: skip
_TRADES = (
    "Armarinho", "Autopeças", "Bazar", "Calçados", "Confecções", "Distribuidora", "Editora",
    "Embalagens", "Farmácia", "Ferragens", "Gráfica", "Hortifrúti", "Livraria", "Marcenaria",
    "Mercado", "Móveis", "Padaria", "Papelaria", "Pousada", "Tecidos", "Transportes",
)  # fmt: skip
_FORMS = ("Ltda", "Ltda", "Ltda", "ME", "EIRELI", "S.A.")
_BUSINESS_LINES = ("varejo", "servicos", "industria", "educacao", "saude")
_PLANS = ("essencial", "profissional", "empresas")
# City, state, area code: where the payers live, weighted by the last column.
_PLACES = (
    ("São Paulo", "SP", 11, 26),
    ("Campinas", "SP", 19, 8),
    ("Rio de Janeiro", "RJ", 21, 13),
    ("Belo Horizonte", "MG", 31, 10),
    ("Curitiba", "PR", 41, 7),
    ("Porto Alegre", "RS", 51, 6),
    ("Salvador", "BA", 71, 6),
    ("Recife", "PE", 81, 5),
    ("Fortaleza", "CE", 85, 5),
    ("Goiânia", "GO", 62, 4),
    ("Vitória", "ES", 27, 3),
    ("Florianópolis", "SC", 48, 3),
    ("Manaus", "AM", 92, 2),
    ("Maceió", "AL", 82, 1),
    ("Belém", "PA", 91, 1),
)

NEVER = 10**6


@dataclass(frozen=True)
class DemoPayer:
    """One person or company, and how each of the two systems knows it.

    Days count from the history's first day.
    """

    number: int
    profile: str
    is_company: bool
    name: str
    tax_id: str  # digits (and letters) only, possibly invalid on purpose; empty for none
    email: str
    phone: str
    city: str
    state: str
    segment: str
    plan: str
    size: float  # factor of its amounts
    in_erp: bool
    in_billing: bool
    in_dollars: bool
    since: int
    defaults_from: int = NEVER
    no_email_from: int = NEVER
    no_calls_from: int = NEVER
    legal_hold_from: int = NEVER
    deceased_from: int = NEVER
    preferred_channel: str = ""


def make_payers(
    rng: np.random.Generator, count: int, days: int, recent_from: int
) -> list[DemoPayer]:
    """The payers of one company, the same for the same generator.

    ``days`` is the length of the history; newcomers begin after ``recent_from``.
    """
    profiles = rng.choice(PROFILES, count, p=_SHARES)
    weights = np.array([place[3] for place in _PLACES], dtype=float)
    places = rng.choice(len(_PLACES), count, p=weights / weights.sum())
    homes = rng.random(count)  # which system knows the payer
    payers = []
    for number in range(count):
        profile = str(profiles[number])
        is_company = bool(rng.random() < 0.45)
        since = _since(rng, profile, days, recent_from)
        city, state, area, _ = _PLACES[places[number]]
        name = _company_name(rng) if is_company else _person_name(rng)
        in_dollars = is_company and bool(rng.random() < 0.03)
        payer = DemoPayer(
            number=number,
            profile=profile,
            is_company=is_company,
            name=name,
            tax_id=_tax_id(rng, number, is_company, since > recent_from),
            email=_email(name, number, is_company),
            phone=_phone(rng, area, number),
            city=city,
            state=state,
            segment=str(rng.choice(_BUSINESS_LINES)) if is_company else "varejo",
            plan=_PLANS[2] if is_company else str(rng.choice(_PLANS[:2])),
            size=_SIZES[profile] * float(rng.lognormal(0.0, 0.75 if is_company else 0.5)),
            in_erp=bool(homes[number] < 0.75) or in_dollars,
            in_billing=bool(homes[number] >= 0.60) and not in_dollars,
            in_dollars=in_dollars,
            since=since,
            defaults_from=_defaults_from(rng, profile, since, days),
            preferred_channel=str(
                rng.choice(["", "email", "phone", "whatsapp"], p=[0.4, 0.35, 0.1, 0.15])
            ),
        )
        payers.append(_with_faults(rng, payer, days))
    _share_mailboxes(rng, payers)
    return payers


def _since(rng: np.random.Generator, profile: str, days: int, recent_from: int) -> int:
    if profile == "newcomer":
        return int(rng.integers(recent_from, days - 60))
    if rng.random() < 0.6:
        return int(rng.integers(0, 45))
    return int(rng.integers(0, recent_from))


def _defaults_from(rng: np.random.Generator, profile: str, since: int, days: int) -> int:
    """The day after which a defaulter stops paying."""
    if profile != "defaulter":
        return NEVER
    return int(rng.integers(since + 90, max(since + 91, days)))


def _with_faults(rng: np.random.Generator, payer: DemoPayer, days: int) -> DemoPayer:
    """What is wrong, missing or restricted in this payer's record, if anything."""
    changes = (
        _email_faults(rng, payer)
        | _phone_faults(rng)
        | _tax_id_faults(rng, payer)
        | _restrictions(rng, payer, days)
    )
    return replace(payer, **changes)


def _email_faults(rng: np.random.Generator, payer: DemoPayer) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    fault = rng.random()
    if fault < 0.03:
        changes["email"] = ""
    elif fault < 0.036:
        changes["email"] = str(
            rng.choice(["não tem", "sem e-mail", "financeiro@", "cliente.example.com"])
        )
    elif fault < 0.09:
        separator = str(rng.choice(["; ", ";", ", ", " / "], p=[0.4, 0.3, 0.25, 0.05]))
        changes["email"] = separator.join(
            [payer.email, f"contas.{payer.number:04d}@example.com.br"]
        )
    elif fault < 0.11:
        changes["email"] = f"  {payer.email.upper()} "
    return changes


def _phone_faults(rng: np.random.Generator) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    fault = rng.random()
    if fault < 0.04:
        changes["phone"] = ""
    elif fault < 0.055:
        changes["phone"] = str(
            rng.choice(["0800 000 0000", "ramal 12", "00000000", "(00) 0000-0000", "2000-0100"])
        )
    return changes


def _tax_id_faults(rng: np.random.Generator, payer: DemoPayer) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    fault = rng.random()
    if fault < 0.006:
        changes["tax_id"] = "11111111111" if not payer.is_company else "00000000000000"
    elif fault < 0.012:
        changes["tax_id"] = payer.tax_id[:-1] + str((int(payer.tax_id[-1]) + 1) % 10)
    elif fault < 0.017:
        changes["tax_id"] = ""
    return changes


def _restrictions(rng: np.random.Generator, payer: DemoPayer, days: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    when = int(rng.integers(payer.since + 60, max(payer.since + 61, days)))
    fault = rng.random()
    if fault < 0.012:
        changes["no_email_from"] = when
    elif fault < 0.022:
        changes["no_calls_from"] = when
    elif fault < 0.025 and not payer.is_company:
        changes["deceased_from"] = when
    if payer.profile == "defaulter" and rng.random() < 0.08:
        changes["legal_hold_from"] = payer.defaults_from + 120
    return changes


def _share_mailboxes(rng: np.random.Generator, payers: list[DemoPayer]) -> None:
    """Give groups of two to four payers one address (an accountant, a family)."""
    order = rng.permutation(len(payers))
    position = 0
    for group in range(max(1, len(payers) // 100)):
        members = order[position : position + int(rng.integers(2, 5))]
        position += len(members)
        for member in members:
            payers[member] = replace(payers[member], email=f"escritorio.{group:02d}@example.com.br")


def _person_name(rng: np.random.Generator) -> str:
    first, middle, last = (
        rng.integers(len(_FIRST)),
        rng.integers(len(_LAST)),
        rng.integers(len(_LAST)),
    )
    return f"{_FIRST[first]} {_LAST[middle]} {'da ' if rng.random() < 0.2 else ''}{_LAST[last]}"


def _company_name(rng: np.random.Generator) -> str:
    trade, name, form = (
        rng.integers(len(_TRADES)),
        rng.integers(len(_LAST)),
        rng.integers(len(_FORMS)),
    )
    return f"{_TRADES[trade]} {_LAST[name]} {_FORMS[form]}"


def _tax_id(rng: np.random.Generator, number: int, is_company: bool, is_recent: bool) -> str:
    if not is_company:
        return cpf(f"{(number * 7919 + 100_003) % 10**9:09d}")
    letters = is_recent and rng.random() < 0.6  # alphanumeric numbers are given out since July 2026
    root = f"{'ZX' if letters else '99'}{number:06d}"
    return cnpj(f"{root}0001")


def _phone(rng: np.random.Generator, area: int, number: int) -> str:
    """Mobile numbers in the ways people type them, and a few land lines.

    They are of the block 90000, which is assigned to no one.
    """
    tail = f"{number % 10_000:04d}"
    kind = rng.random()
    if kind < 0.45:
        return f"({area}) 90000-{tail}"
    if kind < 0.65:
        return f"{area}90000{tail}"
    if kind < 0.80:
        return f"+55 {area} 90000-{tail}"
    if kind < 0.88:
        return f"0{area} 90000 {tail}"
    if kind < 0.92:
        return f"({area}) 7000-{tail}"  # typed before mobiles had a ninth digit
    if kind < 0.97:
        return f"({area}) 2000-{tail}"
    return f"({area}) 2000-{tail} / ({area}) 90000-{tail}"


def _email(name: str, number: int, is_company: bool) -> str:
    return f"{_mailbox(name)}.{number:04d}@{'example.com.br' if is_company else 'example.com'}"


def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = [word for word in plain.replace(".", "").split() if word != "da"]
    return f"{words[0]}.{words[1]}"
