"""Publish the finance pack of one business date: all of it, proven, or nothing."""

import hashlib
import json
from datetime import date
from typing import TypedDict

from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import write_atomically
from cobranca.settings import Settings

PAGE, WORKBOOK, MANIFEST = "financeiro.html", "financeiro.xlsx", "manifest.json"


class WrittenReports(TypedDict):
    """What :func:`write_reports` wrote; ``totals`` are measures as text, by currency.

    ``page``, ``workbook`` and ``totals`` are of all creditors. Of several, each has its own files.
    """

    folder: str
    page: str
    workbook: str
    manifest: str
    batch_id: str
    totals: dict[str, dict[str, str]]


def of_creditor(name: str, creditor: str) -> str:
    """``financeiro.html`` of one of several creditors is ``financeiro_atacado.html``."""
    stem, _, suffix = name.partition(".")
    return f"{stem}_{creditor}.{suffix}"


@waits_for_erasures
def write_reports(settings: Settings, business_date: date) -> WrittenReports:
    """Write the page, the workbook and their manifest under ``reports/<D>``.

    Everything is rendered before the first file is replaced, and the manifest is replaced last; the
    same batch gives the same files. A night without contacts, without history or without any
    receivable has its reports too.

    Returns:
        where the files are and the totals, free of personal data.

    Raises:
        PartitionError: the date has no approved batch.
        CobrancaError: the batch's tables do not tie to the cent. In both cases the previous reports
            stay whole.
    """
    from cobranca.partitions.outbound_partition import read_batch
    from cobranca.policy import load_policy
    from cobranca.reports.backtest import read_backtest
    from cobranca.reports.figures import creditors_of, read_pack, totals
    from cobranca.reports.report_page import render_page
    from cobranca.reports.report_workbook import render_workbook

    batch = read_batch(settings, business_date)
    pack = read_pack(batch)
    backtest = read_backtest(batch)
    contents = {
        PAGE: render_page(pack, backtest).encode("utf-8"),
        WORKBOOK: render_workbook(pack),
    }
    if listed := creditors_of(batch):
        names = load_policy(settings.config, business_date).creditor_names
        for creditor in listed:
            own = read_pack(batch, creditor, names.get(creditor, creditor))
            contents[of_creditor(PAGE, creditor)] = render_page(own, backtest).encode("utf-8")
            contents[of_creditor(WORKBOOK, creditor)] = render_workbook(own)
    sums = totals(pack)
    body = {
        "kind": "reports",
        "business_date": business_date.isoformat(),
        "batch_id": pack.batch_id,
        # which state of the batch: an erasure may amend it
        "batch_folder": batch.folder.name,
        "totals": sums,
        "files": [
            {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(contents.items())
        ],
    }
    folder = settings.folder("reports", business_date)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_atomically(folder / MANIFEST, json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    return {
        "folder": str(folder),
        "page": str(folder / PAGE),
        "workbook": str(folder / WORKBOOK),
        "manifest": str(folder / MANIFEST),
        "batch_id": pack.batch_id,
        "totals": sums,
    }
