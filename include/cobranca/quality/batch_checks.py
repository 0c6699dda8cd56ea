"""Checks that a candidate batch is whole: its date, inputs, declared rows and number types."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.aging import band_names, in_order
from cobranca.errors import PartitionError
from cobranca.partitions.manifest import Manifest, read_manifest
from cobranca.partitions.verdict import Check, make_check
from cobranca.policy.bands import Bands
from cobranca.schema import ENTITIES, FEEDBACK, POLICY
from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.quality.runner import Files


LANDED = ("sources", "policy", "feedback")

MONEY_COLUMNS = ("amount", "open_amount", "fine", "interest", "amount_due", "open_overdue_amount")


def check_date(business_date: date, candidate: Manifest) -> Check:
    """The batch is of the date that is asked for."""
    return make_check(
        "batch_of_this_date",
        "batch",
        "O lote é desta data",
        candidate.business_date == business_date,
        candidate.business_date.strftime("%d/%m/%Y"),
        business_date.strftime("%d/%m/%Y"),
    )


def check_inputs(settings: Settings, business_date: date, candidate: Manifest) -> Check:
    """The plan was made of what is landed now, and not of a landing that was replaced since."""
    stale = sorted(
        part
        for part, batch_id in candidate.inputs.items()
        if part in LANDED and _landed_batch(settings, business_date, part) != batch_id
    )
    return make_check(
        "batch_of_this_landing",
        "batch",
        "O plano foi feito com os dados que estão na chegada de hoje",
        not stale,
        f"mudou depois: {', '.join(stale)}" if stale else "os mesmos dados",
        "os mesmos dados",
    )


def check_declared_rows(files: "Files", candidate: Manifest) -> Check:
    """Every file of the batch is readable and holds the rows that its manifest names."""
    wrong = []
    for entry in candidate.files:
        table = Path(entry.name).stem
        counted = (
            files.rows(f"select count(*) as rows from {table}")[0]["rows"]
            if table in files.tables
            else None
        )
        if counted != entry.rows:
            wrong.append(table)
    return make_check(
        "rows_as_declared",
        "batch",
        "Os arquivos do lote têm as linhas declaradas no manifesto",
        not wrong,
        f"diferem: {', '.join(sorted(wrong))}" if wrong else "nenhum difere",
        "nenhum arquivo diferente",
    )


def landed_files(settings: Settings, business_date: date) -> dict[str, list[Path]]:
    """Views of what the plan was made from.

    An absent partition has no views, and the checks that need it say so.
    """
    views = {}
    sources = _partition(settings, business_date, "sources")
    for entity in ENTITIES:
        views[f"landed_{entity}"] = [path for path in sources if path.stem == entity]
    for path in _partition(settings, business_date, "policy"):
        if path.stem in POLICY:
            views[path.stem] = [path]
    for path in _partition(settings, business_date, "feedback"):
        if path.stem in FEEDBACK:
            views[f"feedback_{path.stem}"] = [path]
    return views


def landed_bands(landed: Mapping[str, Sequence[Path]]) -> tuple[str, ...]:
    """The aging bands of the night; those of the defaults where none had landed yet."""
    import pyarrow.parquet as pq

    files = landed.get("policy_bands")
    if not files:
        return band_names(Bands().last_days)
    return tuple(in_order(pq.read_table(files[0])["aging_band"].to_pylist()))


def landed_payments(settings: Settings, business_date: date) -> dict[str, list[Path]]:
    """Views of the landed payments, one for each source."""
    return {
        f"payments_of_{path.parent.name}": [path]
        for path in _partition(settings, business_date, "sources")
        if path.stem == "payments"
    }


def _landed_batch(settings: Settings, business_date: date, part: str) -> str | None:
    try:
        return read_manifest(settings.folder("landing", business_date, part)).batch_id
    except PartitionError:
        return None


def _partition(settings: Settings, business_date: date, name: str) -> Iterable[Path]:
    try:
        manifest = read_manifest(settings.folder("landing", business_date, name))
    except PartitionError:
        return []
    return [
        manifest.folder / entry.name for entry in manifest.files if entry.name.endswith(".parquet")
    ]


def row_counts(files: "Files", table: str) -> tuple[int, str]:
    """How many money columns are not decimal, and the SQL condition of an invalid figure.

    A figure is invalid if it is NaN or infinite.
    """
    if table not in files.tables:
        return 0, "false"
    columns = files.columns(table)
    inexact = sum(
        1
        for name, kind in columns.items()
        if name in MONEY_COLUMNS and not kind.startswith("DECIMAL")
    )
    floating = [name for name, kind in columns.items() if kind in ("DOUBLE", "FLOAT")]
    return inexact, " or ".join(f"not isfinite({name})" for name in floating) or "false"
