"""Erase one payer's personal data wherever nights have put them.

LGPD (Law 13.709/2018), art. 18, IV and VI, with art. 16, I: what a legal obligation needs stays,
without a name. So amounts, decisions and the ledger's history of contacts stay under opaque keys;
names, tax ids, addresses, telephones, ways to pay and letters go.

The ledger is written first: from then on the payer is not contacted and no landing brings the data
back, even if a later step fails. Landed files come last, since they say what else to look for.
Every step looks at what is there, so that running an interrupted erasure again completes it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from cobranca.errors import ConfigError
from cobranca.partitions.erasure_lock import exclusive_lock
from cobranca.privacy import returned_workbooks
from cobranca.privacy.erase_landings import landed_sources, landing_steps
from cobranca.privacy.erase_outbound import letter_steps, outbound_steps
from cobranca.privacy.erasure_record import record_erasure
from cobranca.privacy.erasure_step import ErasureStep, batches_in
from cobranca.privacy.payer_traces import (
    Payer,
    Traces,
    contacts_of,
    find_payer,
    keys_in,
    message_keys,
)
from cobranca.redaction.parquet_redaction import CUSTOMER, CUSTOMERS, marked_customers
from cobranca.settings import Settings

# An e-mail address, a telephone or a tax id does not belong into a reason that is kept for ever.
_TELLING = re.compile(r"@|(?:\d\D?){9,}")


@dataclass(frozen=True)
class Erasure:
    """The steps that erase one payer.

    ``unreadable`` are returned files that only a person can judge.
    """

    payer: Payer
    steps: tuple[ErasureStep, ...]
    unreadable: tuple[Path, ...]
    traces: Traces


def plan_erasure(settings: Settings, customer: str) -> Erasure:
    """What :func:`apply_erasure` would do about a payer; changes nothing.

    ``customer`` is a customer key (``C…``) or an account such as ``erp:1234``.

    Raises:
        ConfigError: no approved plan knows the customer.
    """
    payer = find_payer(settings, customer)
    return _planned(settings, payer)


def apply_erasure(
    settings: Settings, customer: str, *, by: str, reason: str, business_date: date
) -> tuple[Erasure, list[Path]]:
    """Erase, and record it in the ledger under ``business_date`` with its author and reason.

    Returns:
        what was done, and the text files that still name the payer and that only a person can
        judge, such as logs.

    Raises:
        ConfigError: the customer is unknown, or the reason tells personal data.
        AtWork: a night is being worked on; nothing is changed.
        CobrancaError: a step failed; run it again.
    """
    with exclusive_lock(settings):
        erasure = plan_erasure(settings, customer)
        if _TELLING.search(f"{by} {reason}") or erasure.traces.found_in(f"{by} {reason}"):
            raise ConfigError(
                "the author and the reason are kept for ever and must not tell personal data; "
                "write them without."
            )
        record_erasure(
            settings,
            erasure.payer,
            erasure.traces.emails,
            by=by,
            reason=reason,
            business_date=business_date,
        )
        for step in erasure.steps:
            step.do()
        return erasure, returned_workbooks.text_files_naming(settings.data, erasure.traces)


def describe_erasure(
    settings: Settings, erasure: Erasure, left: Sequence[Path] | None = None
) -> str:
    """The erasure in words, for the person who decides it.

    ``left`` is what :func:`apply_erasure` returned, ``None`` before it.
    """

    def line(what: str, path: Path) -> str:
        return f"{what:<24}{path.relative_to(settings.data)}"

    done = left is not None
    accounts = ", ".join(
        f"{source}:{customer_id}" for source, customer_id in erasure.payer.accounts
    )
    lines = [f"payer {erasure.payer.key}, accounts {accounts}"]
    lines += [
        line(step.what if done else f"would be {step.what}", step.place) for step in erasure.steps
    ]
    lines += [line("look into it yourself", path) for path in (*erasure.unreadable, *(left or ()))]
    lines += [
        "",
        (
            f"{len(erasure.steps)} places {'changed' if done else 'would change'}. Amounts, "
            f"decisions "
            "and the ledger's history of "
            "contacts stay, under opaque keys (LGPD, art. 16, I)."
        ),
        (
            "Not reached from here: the sources' own records, what providers and mailboxes "
            "received, "
            "backups, and Airflow's logs. "
            "Have the data erased there too (LGPD, art. 18, § 6); a source that still holds them "
            "lands without them."
        ),
    ]
    return "\n".join(lines)


def _planned(settings: Settings, payer: Payer) -> Erasure:
    traces = _traces(settings, payer)
    unreadable: list[Path] = []
    steps = [
        *outbound_steps(settings, payer),
        *letter_steps(settings, traces),
        *_returned_files(settings, traces, unreadable),
        *_warehouse(settings),
        *landing_steps(settings, payer),
    ]
    return Erasure(payer, tuple(steps), tuple(unreadable), traces)


def _traces(settings: Settings, payer: Payer) -> Traces:
    """Everything that betrays the payer, from every night that is kept."""
    import pyarrow.parquet as pq

    traces, keys = Traces(), {payer.key}
    for root in settings.nights("outbound").values():
        for folder in batches_in(root):
            here = keys_in(folder, payer)
            keys.update(here)
            traces.message_keys |= message_keys(folder, here)
    traces.message_keys |= contacts_of(settings, keys)
    for landed, source in landed_sources(settings):
        path = landed.folder / source / CUSTOMERS
        marked = marked_customers(path, source, payer.erasures)
        if marked:
            columns = ["customer_id", "name", "tax_id", "email", "phone"]
            for row in pq.read_table(
                path, columns=columns, filters=[("customer_id", "in", list(marked))]
            ).to_pylist():
                if row["name"] != CUSTOMER["name"]:
                    traces.add_customer(row)
    return traces


def _returned_files(
    settings: Settings, traces: Traces, unreadable: list[Path]
) -> Iterator[ErasureStep]:
    for path in returned_workbooks.returned_files(settings.data / "inbox"):
        try:
            if returned_workbooks.names_the_payer(path, traces):
                yield ErasureStep(
                    "rewritten", path, partial(returned_workbooks.remove_payer, path, traces)
                )
        except returned_workbooks.Unreadable:
            unreadable.append(path)


def _warehouse(settings: Settings) -> Iterator[ErasureStep]:
    """The warehouse is emptied whole, because a database keeps deleted rows in free blocks.

    The next build makes everything again.
    """
    yield ErasureStep("emptied", settings.data / "warehouse", partial(_empty_warehouse, settings))


def _empty_warehouse(settings: Settings) -> None:
    from cobranca.warehouse.engines import open_warehouse

    open_warehouse(settings.warehouse).empty()
    # Nothing is loaded any more: a freeze without a build says so.
    (settings.data / ".dbt" / "loaded.json").unlink(missing_ok=True)
