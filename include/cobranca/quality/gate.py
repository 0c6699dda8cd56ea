"""The two gates of a night: on what the sources sent, and on the plan made of it.

Each judges files, stores its verdict under ``quality/<date>``, draws the page anew and only then raises.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.errors import PartitionError
from cobranca.manifest import FileEntry, Manifest, batch_id_of, read_manifest
from cobranca.policy import load_policy
from cobranca.quality.verdict import ARRIVALS, CRITICAL, PLAN, WARNING, Check, Verdict, write_verdict
from cobranca.schema import ENTITIES, FEEDBACK, POLICY
from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.landing import LandingDraft
    from cobranca.quality.runner import Files

QUARANTINE_SUFFIX = "__quarantine"
REPAIRED = "repaired "  # in a manifest entry: how often cleaning wrote a value differently, by column and rule
LANDED = ("sources", "policy", "feedback")
MONEY_COLUMNS = ("amount", "open_amount", "fine", "interest", "amount_due", "open_overdue_amount")


def check_arrivals(settings: Settings, draft: "LandingDraft") -> Verdict:
    """Judge everything that the sources sent for one date, before it is published.

    Raises:
        GateFailed: a critical check failed; the verdict and the page are written first.
        ConfigError: the policy's limits cannot be read.
    """
    from cobranca.quality.facts import arrivals_facts
    from cobranca.quality.runner import open_files, run
    from cobranca.quality.suites.arrivals import arrivals_suite

    limits = load_policy(settings.config, draft.business_date).limits.arrivals
    arrivals = _arrivals(draft)
    views = {arrival.view: [draft.folder / arrival.source / f"{arrival.entity}.parquet"] for arrival in arrivals} | {
        arrival.quarantine_view: [draft.folder / arrival.source / f"{arrival.entity}{QUARANTINE_SUFFIX}.parquet"]
        for arrival in arrivals
        if arrival.quarantine_view
    }
    with open_files(views) as files:
        suite = arrivals_suite(
            arrivals,
            draft.business_date,
            limits.minimum_share_of_previous,
            limits.maximum_quarantine_share,
            limits.maximum_years_ahead,
        )
        facts = arrivals_facts(files, arrivals, draft.previous)
        checks = [*_completeness(draft, arrivals), *_columns(draft), *_all_of_the_source(facts["control"]), *run(files, suite)]
    verdict = Verdict.of(draft.business_date, batch_id_of(list(draft.entries)), ARRIVALS, checks, facts)
    return _conclude(settings, verdict)


def check_plan(settings: Settings, business_date: date, candidate: Manifest) -> Verdict:
    """Judge the candidate plan of one date: decisions, messages, call queue and the facts behind them.

    Raises:
        GateFailed: a critical check failed; the verdict and the page are written first.
        ConfigError: the policy's limits cannot be read.
    """
    from cobranca.quality.facts import plan_facts
    from cobranca.quality.runner import open_files, run
    from cobranca.quality.suites.plan import TABLES, plan_suite

    limits = load_policy(settings.config, business_date).limits
    views = {Path(entry.name).stem: [candidate.folder / entry.name] for entry in candidate.files}
    payments = _landed_payments(settings, business_date)
    with open_files(views | payments | _landed(settings, business_date)) as files:
        numbers = {table: _numbers(files, table) for table in TABLES}
        checks = [
            _right_date(business_date, candidate),
            _from_this_landing(settings, business_date, candidate),
            _rows_as_declared(files, candidate),
            *run(files, plan_suite(business_date, limits.volume.maximum_messages, numbers, sorted(payments))),
        ]
        facts = plan_facts(files, candidate.inputs.get("sources"))
    return _conclude(settings, Verdict.of(business_date, candidate.batch_id, PLAN, checks, facts))


def _conclude(settings: Settings, verdict: Verdict) -> Verdict:
    from cobranca.quality.page import write_page

    write_verdict(settings, verdict)
    verdict.require(write_page(settings, verdict.business_date))
    return verdict


def _arrivals(draft: "LandingDraft") -> list:
    from cobranca.quality.suites.arrivals import Arrival
    from cobranca.sources.incremental import CHANGED, LEFT, READING, SWEPT

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
                repairs={
                    what.removeprefix(REPAIRED): int(count)
                    for what, count in entries[name].totals.items()
                    if what.startswith(REPAIRED)
                },
                stated=_stated(entries[name]),
                reading=entries[name].totals.get(READING, ""),
                changed=int(entries[name].totals[CHANGED]) if CHANGED in entries[name].totals else None,
                left=int(entries[name].totals.get(LEFT, 0)),
                swept=SWEPT in entries[name].totals,
            )
        )
    return found


def _stated(entry: FileEntry) -> dict:
    """What the source itself counted and added of an entity, by currency."""
    from cobranca.quality.suites.arrivals import Stated
    from cobranca.sources.extract import SOURCE_LOST, SOURCE_ROWS, SOURCE_SUM

    found = {}
    for name, text in entry.totals.items():
        if name.startswith(SOURCE_ROWS):
            currency = name.removeprefix(SOURCE_ROWS).strip()
            total, lost = (entry.totals.get(f"{what} {currency}".strip()) for what in (SOURCE_SUM, SOURCE_LOST))
            found[currency] = Stated(int(text), None if total is None else Decimal(total), Decimal(lost or 0))
    return found


def control_totals(entry: FileEntry) -> dict[str, Decimal]:
    """The totals of money among an entry's totals (``amount BRL``), exact."""
    found = {}
    for name, text in entry.totals.items():
        if name.startswith("amount "):
            try:
                found[name] = Decimal(text)
            except InvalidOperation:
                raise PartitionError(
                    f"{entry.name} declares the control total '{name}', which is no number; land it again."
                ) from None
    return found


def _completeness(draft: "LandingDraft", arrivals: list) -> list[Check]:
    """Each source brings customers and receivables (or payments only), and what it brought before."""
    came = {(arrival.source, arrival.entity) for arrival in arrivals}
    before = (
        {tuple(entry.name.removesuffix(".parquet").split("/")) for entry in draft.previous.files} if draft.previous else set()
    )
    before = {pair for pair in before if len(pair) == 2 and pair[1] in ENTITIES}
    sources = sorted({source for source, _ in came})
    checks = [
        _check(
            "receivables_came", "landing", "Chegaram títulos de alguma fonte", any(entity == "receivables" for _, entity in came),
            f"fontes: {', '.join(sources) or 'nenhuma'}", "pelo menos uma fonte com títulos",
        )
    ]  # fmt: skip
    for source in sources:
        missing = {entity for other, entity in before if other == source} - {e for s, e in came if s == source}
        if (source, "receivables") in came and (source, "customers") not in came:
            missing.add("customers")
        checks.append(
            _check("entities_complete", source, "Chegaram todos os arquivos da fonte", not missing,
                   f"faltam: {', '.join(sorted(missing))}" if missing else "nenhum falta", "nenhum arquivo faltando")
        )  # fmt: skip
    gone = sorted({source for source, _ in before} - set(sources))
    checks.append(
        _check("sources_complete", "landing", "Chegaram as mesmas fontes da noite anterior", not gone,
               f"faltam: {', '.join(gone)}" if gone else "nenhuma falta", "nenhuma fonte faltando", severity=WARNING)
    )  # fmt: skip
    return checks


def _columns(draft: "LandingDraft") -> list[Check]:
    """New and missing columns are told. One that the same query no longer gives has stopped its source before this."""
    from cobranca.sources.drift import COLUMNS, GONE, LEFT_OUT, NEW

    if not any(COLUMNS in entry.totals for entry in draft.entries):
        return []
    words = {NEW: "novo:", LEFT_OUT: "novo e desconhecido, deixado de fora:", GONE: "deixou de vir:"}
    told = [
        f"{entry.name.removesuffix('.parquet').replace('/', '.')}: {word} {entry.totals[name]}"
        for entry in draft.entries
        for name, word in words.items()
        if name in entry.totals
    ]
    return [
        _check(
            "columns_as_before", "landing", "As fontes têm os mesmos campos da chegada anterior", not told,
            "; ".join(told) or "os mesmos campos", "nenhum campo novo ou retirado", severity=WARNING,
        )
    ]  # fmt: skip


def _all_of_the_source(control: list[dict]) -> list[Check]:
    """What the source itself counts and adds is all there: landed or in quarantine."""
    subjects = dict.fromkeys(f"{row['source']}.{row['entity']}" for row in control)
    wrong = {
        subject: [row["currency"] for row in control if f"{row['source']}.{row['entity']}" == subject and not row["right"]]
        for subject in subjects
    }
    return [
        _check(
            "all_of_the_source", subject, "Tudo o que a fonte conta e soma chegou ou está em quarentena", not currencies,
            f"difere{': ' + ', '.join(currencies) if any(currencies) else ''}" if currencies else "nenhuma diferença",
            "nenhuma diferença",
        )
        for subject, currencies in wrong.items()
    ]  # fmt: skip


def _right_date(business_date: date, candidate: Manifest) -> Check:
    return _check(
        "batch_of_this_date", "batch", "O lote é desta data", candidate.business_date == business_date,
        candidate.business_date.strftime("%d/%m/%Y"), business_date.strftime("%d/%m/%Y"),
    )  # fmt: skip


def _from_this_landing(settings: Settings, business_date: date, candidate: Manifest) -> Check:
    """The plan was made of what is landed now, and not of a landing that was replaced since."""
    stale = sorted(
        part
        for part, batch_id in candidate.inputs.items()
        if part in LANDED and _landed_batch(settings, business_date, part) != batch_id
    )
    return _check(
        "batch_of_this_landing", "batch", "O plano foi feito com os dados que estão na chegada de hoje", not stale,
        f"mudou depois: {', '.join(stale)}" if stale else "os mesmos dados", "os mesmos dados",
    )  # fmt: skip


def _rows_as_declared(files: "Files", candidate: Manifest) -> Check:
    """Every file of the batch is readable and holds the rows that its manifest names."""
    wrong = []
    for entry in candidate.files:
        table = Path(entry.name).stem
        counted = files.rows(f"select count(*) as rows from {table}")[0]["rows"] if table in files.tables else None
        if counted != entry.rows:
            wrong.append(table)
    return _check(
        "rows_as_declared", "batch", "Os arquivos do lote têm as linhas declaradas no manifesto", not wrong,
        f"diferem: {', '.join(sorted(wrong))}" if wrong else "nenhum difere", "nenhum arquivo diferente",
    )  # fmt: skip


def _check(name: str, subject: str, title: str, passed: bool, observed: str, expected: str, severity: str = CRITICAL) -> Check:
    return Check(name=name, subject=subject, severity=severity, passed=passed, observed=observed, expected=expected, title=title)


def _landed(settings: Settings, business_date: date) -> dict[str, list[Path]]:
    """Views of what the plan was made from; an absent partition has no views, and the checks that need it say so."""
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


def _landed_payments(settings: Settings, business_date: date) -> dict[str, list[Path]]:
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
    return [manifest.folder / entry.name for entry in manifest.files if entry.name.endswith(".parquet")]


def _numbers(files: "Files", table: str) -> tuple[int, str]:
    """How many money columns are not decimal, and the condition under which a row holds NaN or an infinite figure."""
    if table not in files.tables:
        return 0, "false"
    columns = files.columns(table)
    inexact = sum(1 for name, kind in columns.items() if name in MONEY_COLUMNS and not kind.startswith("DECIMAL"))
    floating = [name for name, kind in columns.items() if kind in ("DOUBLE", "FLOAT")]
    return inexact, " or ".join(f"not isfinite({name})" for name in floating) or "false"
