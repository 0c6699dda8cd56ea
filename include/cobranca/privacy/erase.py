"""Erasing one payer's personal data wherever nights have put them, and leaving them out from then on.

LGPD (Law 13.709/2018), art. 18, IV and VI, with art. 16, I: what a legal obligation needs stays, without a name. So amounts,
decisions and the ledger's history of contacts stay under opaque keys; names, tax ids, addresses, telephones, ways to pay
and letters go.

The ledger is written first: from then on nobody is contacted and no landing brings the data back, whatever happens next.
Landed files come last, since they tell what else to look for. Every step looks at what is there, so that running an
interrupted erasure again completes it.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path

from cobranca import manifest
from cobranca.errors import CobrancaError, ConfigError, PartitionError
from cobranca.manifest import Manifest, read_manifest
from cobranca.privacy import papers
from cobranca.privacy.payer import Payer, Traces, contacts_of, find, keys_in, message_keys
from cobranca.privacy.redact import (
    CUSTOMER,
    CUSTOMERS,
    PERSONAL,
    RECEIVABLES,
    marked_customers,
    personal_in,
    rewrite,
    still_named,
)
from cobranca.privacy.turns import alone
from cobranca.settings import Settings

log = logging.getLogger(__name__)

CHANNELS = ("email", "whatsapp", "sms")
# Where the wish and the suppressed addresses came from; no provider's list takes these back.
ORIGIN = "erasure"
QUEUE = "out_call_queue.parquet"
# An e-mail address, a telephone or a tax id does not belong into a reason that is kept for ever.
_TELLING = re.compile(r"@|(?:\d\D?){9,}")


@dataclass(frozen=True)
class Step:
    """One thing to do: in words, where, and how."""

    what: str
    place: Path
    do: Callable[[], None]


@dataclass(frozen=True)
class Erasure:
    """What erasing one payer means. ``unreadable`` are returned files into which only a person can look."""

    payer: Payer
    steps: tuple[Step, ...]
    unreadable: tuple[Path, ...]
    traces: Traces


def plan(settings: Settings, customer: str) -> Erasure:
    """What :func:`apply` would do about a payer (``C…``, or an account such as ``erp:1234``). Changes nothing.

    Raises:
        ConfigError: no approved plan knows the customer.
    """
    payer = find(settings, customer)
    return _planned(settings, payer)


def apply(settings: Settings, customer: str, *, by: str, reason: str, business_date: date) -> tuple[Erasure, list[Path]]:
    """Erase, and remember it in the ledger under ``business_date`` with its author and reason.

    Returns:
        What was done, and the text files that still name the payer and that only a person can judge, such as logs.

    Raises:
        ConfigError: nobody is known by that name, or the reason tells personal data.
        AtWork: a night is being worked on; nothing is changed.
        CobrancaError: a step failed; run it again.
    """
    with alone(settings):
        erasure = plan(settings, customer)
        if _TELLING.search(f"{by} {reason}") or erasure.traces.found_in(f"{by} {reason}"):
            raise ConfigError("the author and the reason are kept for ever and must not tell personal data; write them without.")
        _remember(settings, erasure, by, reason, business_date)
        for step in erasure.steps:
            step.do()
        return erasure, papers.left_over(settings.data, erasure.traces)


def told(settings: Settings, erasure: Erasure, left: Sequence[Path] | None = None) -> str:
    """The erasure in words, for whoever decides it; ``left`` is what :func:`apply` returned, ``None`` before it."""

    def line(what: str, path: Path) -> str:
        return f"{what:<24}{path.relative_to(settings.data)}"

    done = left is not None
    accounts = ", ".join(f"{source}:{customer_id}" for source, customer_id in erasure.payer.accounts)
    lines = [f"payer {erasure.payer.key}, accounts {accounts}"]
    lines += [line(step.what if done else f"would be {step.what}", step.place) for step in erasure.steps]
    lines += [line("look into it yourself", path) for path in (*erasure.unreadable, *(left or ()))]
    lines += [
        "",
        f"{len(erasure.steps)} places {'changed' if done else 'would change'}. Amounts, decisions and the ledger's history of "
        "contacts stay, under opaque keys (LGPD, art. 16, I).",
        "Not reached from here: the sources' own records, what providers and mailboxes received, backups, and Airflow's logs. "
        "Have the data erased there too (LGPD, art. 18, § 6); a source that still holds them lands without them.",
    ]
    return "\n".join(lines)


def _planned(settings: Settings, payer: Payer) -> Erasure:
    traces = _traces(settings, payer)
    unreadable: list[Path] = []
    steps = [
        *_plans(settings, payer),
        *_letters(settings, traces),
        *_papers(settings, traces, unreadable),
        *_warehouse(settings),
        *_landings(settings, payer),
    ]
    return Erasure(payer, tuple(steps), tuple(unreadable), traces)


def _traces(settings: Settings, payer: Payer) -> Traces:
    """Everything that betrays the payer, from every night that is kept."""
    import pyarrow.parquet as pq

    traces, keys = Traces(), {payer.key}
    for _, root in settings.nights("outbound").items():
        for folder in _batches(root):
            here = keys_in(folder, payer)
            keys.update(here)
            traces.message_keys |= message_keys(folder, here)
    traces.message_keys |= contacts_of(settings, keys)
    for landed, source in _landed(settings):
        path = landed.folder / source / CUSTOMERS
        marked = marked_customers(path, source, payer.erasures)
        if marked:
            columns = ["customer_id", "name", "tax_id", "email", "phone"]
            for row in pq.read_table(path, columns=columns, filters=[("customer_id", "in", list(marked))]).to_pylist():
                if row["name"] != CUSTOMER["name"]:
                    traces.add_customer(row)
    return traces


def _batches(root: Path) -> Iterator[Path]:
    """Every batch of a night's plan that lies on disk: the approved one, those it replaced, and the candidate's."""
    for parent in (root, root / ".candidate"):
        if parent.is_dir():
            yield from sorted(folder for folder in parent.iterdir() if folder.is_dir() and not folder.name.startswith("."))


# Plans, and what was written from them --------------------------------------------------------------------------------


def _plans(settings: Settings, payer: Payer) -> Iterator[Step]:
    for night, root in settings.nights("outbound").items():
        for draft in _drafts(root, root / ".candidate"):
            yield Step("removed", draft, partial(manifest.discard, draft))
        candidate = root / ".candidate"
        if any(_named(folder, payer) for folder in _batches(root) if folder.parent == candidate):
            # nobody has approved it, and a build makes it again
            yield Step("removed", candidate, partial(manifest.discard, candidate))
        try:
            current = read_manifest(root)
        except PartitionError:
            current = None
        named = _named(current.folder, payer) if current else []
        if named:
            yield Step("rewritten", root, partial(_amend_plan, root, payer, named))
        for folder in _batches(root):
            if folder.parent == root and not (current and folder == current.folder):
                for name in _named(folder, payer):
                    yield Step("rewritten", folder / name, partial(_redact, folder / name, keys_in(folder, payer)))
        if current:
            yield from _written_from(settings, night, current, payer, is_changing=bool(named))


def _drafts(*roots: Path) -> Iterator[Path]:
    """What interrupted runs left behind; nothing else runs now."""
    for root in roots:
        yield from sorted(root.glob(".draft-*"))


def _named(folder: Path, payer: Payer) -> list[str]:
    """The files of a batch that still name the payer."""
    keys = keys_in(folder, payer)
    paths = sorted(folder.glob("*.parquet"))
    return [path.name for path in paths if still_named(path, "customer_key", keys, _personal(path))]


def _redact(path: Path, keys: Sequence[str], target: Path | None = None) -> None:
    rewrite(path, "customer_key", keys, _personal(path), target)


def _personal(path: Path) -> dict[str, object]:
    import pyarrow.parquet as pq

    return personal_in(pq.read_schema(path).names)


def _amend_plan(root: Path, payer: Payer, names: Sequence[str]) -> None:
    current = read_manifest(root)
    keys, draft = keys_in(current.folder, payer), manifest.draft_folder(root, ORIGIN)
    for name in names:
        _redact(current.path(name), keys, draft / name)
    manifest.amend(root, {name: draft / name for name in names}, _note(payer))
    manifest.discard(draft)


def _note(payer: Payer) -> str:
    return f"personal data of {payer.key} erased"


def _written_from(settings: Settings, night: date, current: Manifest, payer: Payer, *, is_changing: bool) -> Iterator[Step]:
    """Queues and reports that show the payer are written again from the amended plan, as they were written first."""
    keys = keys_in(current.folder, payer)
    queues, reports = settings.folder("queues", night), settings.folder("reports", night)
    calls = {key for folder in _batches(settings.folder("outbound", night)) for key in message_keys(folder, keys)}
    if any(key in path.read_text(encoding="utf-8-sig") for path in queues.rglob("*.csv") for key in calls):
        yield Step("written again", queues, partial(_again, _write_queues, settings, night, queues))
    elif (queues / "manifest.json").exists():
        for draft in _drafts(queues):
            yield Step("removed", draft, partial(manifest.discard, draft))
    if reports.exists() and (is_changing or _folder_of_reports(reports) != current.folder.name) and _is_shown(current, keys):
        yield Step("written again", reports, partial(_again, _write_reports, settings, night, reports))


def _again(write: Callable[[Settings, date], object], settings: Settings, night: date, folder: Path) -> None:
    """Write again; what can no longer be written, from a plan of an older form, is removed."""
    try:
        write(settings, night)
    except CobrancaError as error:
        log.warning("%s cannot be written again and was removed: %s", folder, error)
        manifest.discard(folder)


def _write_queues(settings: Settings, night: date) -> None:
    from cobranca.queues import write_queues

    write_queues(settings, night)


def _write_reports(settings: Settings, night: date) -> None:
    from cobranca.reports import write_reports

    write_reports(settings, night)


def _folder_of_reports(reports: Path) -> str | None:
    from cobranca.reports.write import MANIFEST

    try:
        return json.loads((reports / MANIFEST).read_text(encoding="utf-8")).get("batch_folder")
    except (OSError, ValueError):
        return None


def _is_shown(current: Manifest, keys: Sequence[str]) -> bool:
    """Whether the reports name the payer, among the largest debtors."""
    from cobranca.reports.figures import read_pack

    try:
        return any(row["customer_key"] in keys for row in read_pack(current).tables["debtors"])
    except CobrancaError:
        return True


def _letters(settings: Settings, traces: Traces) -> Iterator[Step]:
    for night, root in settings.nights("outbox").items():
        letters = sorted(path for path in root.iterdir() if path.stem in traces.message_keys)
        for path in letters:
            yield Step("removed", path, partial(path.unlink, missing_ok=True))
        index = root / "index.html"
        if letters or (index.exists() and any(key in index.read_text(encoding="utf-8") for key in traces.message_keys)):
            yield Step("written again", index, partial(_index, root, night))


def _index(root: Path, night: date) -> None:
    from cobranca.reminders.channels.outbox import Outbox

    Outbox(root, night).close()


def _papers(settings: Settings, traces: Traces, unreadable: list[Path]) -> Iterator[Step]:
    for path in papers.papers(settings.data / "inbox"):
        try:
            if papers.names_the_payer(path, traces):
                yield Step("rewritten", path, partial(papers.take_out, path, traces))
        except papers.Unreadable:
            unreadable.append(path)


# The warehouse and the landings ---------------------------------------------------------------------------------------


def _warehouse(settings: Settings) -> Iterator[Step]:
    """A database keeps deleted rows in free blocks; since the next build makes everything again, all of it goes."""
    from cobranca.warehouse.engines import open_warehouse

    yield Step("emptied", settings.data / "warehouse", partial(_empty_warehouse, settings, open_warehouse))


def _empty_warehouse(settings: Settings, open_warehouse: Callable) -> None:
    open_warehouse(settings.warehouse).empty()
    # Nothing is loaded any more: a freeze without a build says so.
    (settings.data / ".dbt" / "loaded.json").unlink(missing_ok=True)


def _landed(settings: Settings) -> Iterator[tuple[Manifest, str]]:
    """Every landing that is kept, with each of its sources."""
    for _, root in settings.nights("landing").items():
        try:
            landed = read_manifest(root / "sources")
        except PartitionError:
            continue
        for entry in landed.files:
            source, _, name = entry.name.rpartition("/")
            if name == CUSTOMERS:
                yield landed, source


def _landings(settings: Settings, payer: Payer) -> Iterator[Step]:
    for _, root in settings.nights("landing").items():
        for draft in (*_drafts(root / "sources"), *_replaced(root / "sources")):
            yield Step("removed", draft, partial(manifest.discard, draft))
    by_root: dict[Path, list[str]] = {}
    for landed, source in _landed(settings):
        folder = landed.folder / source
        marked = marked_customers(folder / CUSTOMERS, source, payer.erasures)
        named = still_named(folder / CUSTOMERS, "customer_id", list(marked), CUSTOMER, marked)
        if named or still_named(folder / RECEIVABLES, "customer_id", list(marked), PERSONAL):
            by_root.setdefault(landed.folder.parent, []).append(source)
    for root, sources in by_root.items():
        yield Step("rewritten", root, partial(_amend_landing, root, payer, sources))


def _replaced(root: Path) -> list[Path]:
    """Batches that an interrupted publication or erasure left beside the current one."""
    try:
        current = read_manifest(root).folder
    except PartitionError:
        return []
    return sorted(
        folder for folder in root.iterdir() if folder.is_dir() and folder != current and not folder.name.startswith(".")
    )


def _amend_landing(root: Path, payer: Payer, sources: Sequence[str]) -> None:
    current, draft = read_manifest(root), manifest.draft_folder(root, ORIGIN)
    changed = {}
    for source in sources:
        customers, receivables = f"{source}/{CUSTOMERS}", f"{source}/{RECEIVABLES}"
        marked = marked_customers(current.path(customers), source, payer.erasures)
        rewrite(current.path(customers), "customer_id", list(marked), CUSTOMER, draft / customers, marks=marked)
        rewrite(current.path(receivables), "customer_id", list(marked), PERSONAL, draft / receivables)
        changed |= {name: draft / name for name in (customers, receivables)}
    manifest.amend(root, changed, _note(payer))
    manifest.discard(draft)


# The ledger -----------------------------------------------------------------------------------------------------------


def _remember(settings: Settings, erasure: Erasure, by: str, reason: str, business_date: date) -> None:
    """In one transaction: whose data were erased, that they are not written to, and at which addresses nobody is."""
    from cobranca.ledger import open_ledger
    from cobranca.ledger.addresses import digest
    from cobranca.ledger.events import HERE, consent
    from cobranca.ledger.tables import consents, erasures, insert_into, suppressions

    payer = erasure.payer
    # At the end of that day, so that nothing said earlier counts for more.
    at = datetime.combine(business_date, time(23, 59, 59), HERE).astimezone(UTC).replace(tzinfo=None)
    told = {"customer_key": payer.key, "erased_on": business_date, "author": by, "reason": reason}
    addresses = [
        {"provider": ORIGIN, "kind": "opted_out", "address_digest": digest(email), "listed_at": at, "listed_on": business_date}
        for email in sorted(erasure.traces.emails)
    ]
    rows = {
        erasures: [{**told, "source": source, "customer_id": customer_id} for source, customer_id in payer.accounts],
        consents: [consent(payer.key, channel, False, ORIGIN, at) for channel in CHANNELS],
        suppressions: addresses,
    }
    engine = open_ledger(settings.ledger)
    try:
        with engine.begin() as connection:
            for table, new in rows.items():
                if new:
                    connection.execute(insert_into(connection, table).on_conflict_do_nothing(), new)
    finally:
        engine.dispose()
