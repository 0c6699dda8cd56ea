"""Checks of a landing draft that need no rows.

They are its columns, its completeness, and its comparison with the landing before.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from cobranca.partitions.landing_totals import (
    EMPTIED,
    QUARANTINE_SUFFIX,
    REPAIRED,
    control_totals,
)
from cobranca.partitions.manifest import FileEntry
from cobranca.partitions.verdict import Check, make_check, make_warning
from cobranca.quality.arrival import Arrival, Stated
from cobranca.schema import ENTITIES

if TYPE_CHECKING:
    from cobranca.partitions.landing_partition import LandingDraft
    from cobranca.quality.facts import ControlFact


def read_arrivals(draft: "LandingDraft") -> list[Arrival]:
    """The files of a draft, one for each source and entity, with what their manifest says."""
    from cobranca.partitions.landing_totals import CHANGED, LEFT, READING, SWEPT

    entries = {entry.name: entry for entry in draft.entries}
    previous = {entry.name: entry for entry in draft.previous.files} if draft.previous else {}
    found = []
    for name in sorted(entries):
        source, _, entity = name.removesuffix(".parquet").rpartition("/")
        if entity not in ENTITIES:
            continue
        before = previous.get(name)
        has_quarantine = f"{source}/{entity}{QUARANTINE_SUFFIX}.parquet" in entries
        found.append(
            Arrival(
                source=source,
                entity=entity,
                view=f"{entity}_of_{source}",
                quarantine_view=f"{entity}_unread_of_{source}" if has_quarantine else "",
                rows_declared=entries[name].rows,
                declared=control_totals(entries[name]),
                previous_rows=before.rows if before else None,
                previous_totals=control_totals(before) if before else {},
                repairs=_counts(entries[name], REPAIRED),
                emptied=_counts(entries[name], EMPTIED),
                stated=_stated(entries[name]),
                reading=entries[name].totals.get(READING, ""),
                changed=int(entries[name].totals[CHANGED])
                if CHANGED in entries[name].totals
                else None,
                left=int(entries[name].totals.get(LEFT, 0)),
                swept=SWEPT in entries[name].totals,
            )
        )
    return found


def _counts(entry: FileEntry, kind: str) -> dict[str, int]:
    """How often cleaning did something of a kind, by column and rule."""
    return {
        what.removeprefix(kind): int(count)
        for what, count in entry.totals.items()
        if what.startswith(kind)
    }


def _stated(entry: FileEntry) -> dict[str, Stated]:
    """What the source itself counted and added of an entity, by currency."""
    from cobranca.partitions.landing_totals import SOURCE_LOST, SOURCE_ROWS, SOURCE_SUM

    found = {}
    for name, text in entry.totals.items():
        if name.startswith(SOURCE_ROWS):
            currency = name.removeprefix(SOURCE_ROWS).strip()
            total, lost = (
                entry.totals.get(f"{what} {currency}".strip()) for what in (SOURCE_SUM, SOURCE_LOST)
            )
            found[currency] = Stated(
                int(text), None if total is None else Decimal(total), Decimal(lost or 0)
            )
    return found


def check_completeness(draft: "LandingDraft", arrivals: list[Arrival]) -> list[Check]:
    """Each source brings customers and receivables, or payments only, as it did before."""
    came = {(arrival.source, arrival.entity) for arrival in arrivals}
    before = (
        {tuple(entry.name.removesuffix(".parquet").split("/")) for entry in draft.previous.files}
        if draft.previous
        else set()
    )
    before = {pair for pair in before if len(pair) == 2 and pair[1] in ENTITIES}
    sources = sorted({source for source, _ in came})
    checks = [
        make_check(
            "receivables_came",
            "landing",
            "Chegaram títulos de alguma fonte",
            any(entity == "receivables" for _, entity in came),
            f"fontes: {', '.join(sources) or 'nenhuma'}",
            "pelo menos uma fonte com títulos",
        )
    ]
    for source in sources:
        missing = {entity for other, entity in before if other == source} - {
            e for s, e in came if s == source
        }
        if (source, "receivables") in came and (source, "customers") not in came:
            missing.add("customers")
        checks.append(
            make_check(
                "entities_complete",
                source,
                "Chegaram todos os arquivos da fonte",
                not missing,
                f"faltam: {', '.join(sorted(missing))}" if missing else "nenhum falta",
                "nenhum arquivo faltando",
            )
        )
    gone = sorted({source for source, _ in before} - set(sources))
    checks.append(
        make_warning(
            "sources_complete",
            "landing",
            "Chegaram as mesmas fontes da noite anterior",
            not gone,
            f"faltam: {', '.join(gone)}" if gone else "nenhuma falta",
            "nenhuma fonte faltando",
        )
    )
    return checks


def check_columns(draft: "LandingDraft") -> list[Check]:
    """New and missing columns are reported.

    A column that the same query no longer gives has stopped its source before this.
    """
    from cobranca.partitions.landing_totals import COLUMNS, GONE, LEFT_OUT, NEW

    if not any(COLUMNS in entry.totals for entry in draft.entries):
        return []
    words = {
        NEW: "novo:",
        LEFT_OUT: "novo e desconhecido, deixado de fora:",
        GONE: "deixou de vir:",
    }
    changes = [
        f"{entry.name.removesuffix('.parquet').replace('/', '.')}: {word} {entry.totals[name]}"
        for entry in draft.entries
        for name, word in words.items()
        if name in entry.totals
    ]
    return [
        make_warning(
            "columns_as_before",
            "landing",
            "As fontes têm os mesmos campos da chegada anterior",
            not changes,
            "; ".join(changes) or "os mesmos campos",
            "nenhum campo novo ou retirado",
        )
    ]


def check_landed_whole(control: "list[ControlFact]") -> list[Check]:
    """What the source itself counts and adds is all there: landed or in quarantine."""
    subjects = dict.fromkeys(f"{row['source']}.{row['entity']}" for row in control)
    wrong = {
        subject: [
            row["currency"]
            for row in control
            if f"{row['source']}.{row['entity']}" == subject and not row["right"]
        ]
        for subject in subjects
    }
    return [
        make_check(
            "all_of_the_source",
            subject,
            "Tudo o que a fonte conta e soma chegou ou está em quarentena",
            not currencies,
            f"difere{': ' + ', '.join(currencies) if any(currencies) else ''}"
            if currencies
            else "nenhuma diferença",
            "nenhuma diferença",
        )
        for subject, currencies in wrong.items()
    ]
