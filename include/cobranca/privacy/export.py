"""Export everything that is held about one payer, and why they were contacted.

It is for the person who asks. LGPD (Law 13.709/2018): art. 18, I and II (confirmation and access),
art. 19 (clear and complete, origin of the data and purpose), art. 20, § 1º (criteria of a decision
taken by a machine). The person's own data are whole here; no one else is named.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from cobranca.explain.narrate import explain
from cobranca.explain.nights import nights_of
from cobranca.partitions.manifest import write_atomically
from cobranca.policy import load_policy
from cobranca.privacy.held_data import DataSection, held_data
from cobranca.privacy.payer_traces import find_payer
from cobranca.settings import Settings

PAGE, DATA = "meus_dados.html", "meus_dados.json"

# How one column is called, and what it holds of a row.


def export(settings: Settings, customer: str, folder: Path) -> list[Path]:
    """Write ``meus_dados.html`` and the same as ``meus_dados.json`` into ``folder``; returns both.

    ``customer`` is a customer key (``C…``) or an account such as ``erp:1234``. The files are for
    that person alone.

    Raises:
        ConfigError: no approved plan knows the customer.
        LedgerError: the ledger cannot be opened.
    """
    payer = find_payer(settings, customer)
    nights = nights_of(settings, payer.key)
    newest = nights[-1].business_date
    policy = load_policy(settings.config, newest)
    sections = held_data(settings, payer, nights, policy)
    creditors = policy.creditors.values()
    head = {
        "titular": payer.key,
        "dados até a noite de": f"{newest:%d/%m/%Y}",
        "responsável (controlador)": (
            "; ".join(
                f"{one.legal_name}, CNPJ {one.tax_id}, {one.full_address}" for one in creditors
            )
        ),
        "contato": "; ".join(f"{one.email}, {one.phone}, {one.service_hours}" for one in creditors),
        "finalidade": "cobrança de valores em aberto e atendimento sobre eles",
        "base legal": "execução de contrato e proteção do crédito (LGPD, art. 7º, V e X)",
        "compartilhamento": (
            "provedores de envio de mensagens, só com o necessário para entregar cada mensagem"
        ),
    }
    body: dict[str, object] = {
        **head,
        **{
            section.title: [dict(zip(section.columns, row, strict=True)) for row in section.rows]
            for section in sections
        },
    }
    story = explain(settings, payer.key)
    body["por que houve ou não contato, noite a noite"] = story.splitlines()
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / DATA, json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    write_atomically(folder / PAGE, _page(head, sections, story))
    return [folder / PAGE, folder / DATA]


def _page(head: dict[str, str], sections: Sequence[DataSection], story: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("cobranca.privacy"), autoescape=True, undefined=StrictUndefined
    )
    return templates.get_template("meus_dados.html.j2").render(
        head=head, sections=sections, story=story
    )
