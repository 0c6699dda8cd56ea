"""Retention: remove the files of old nights, keep the month-end summaries.

LGPD, art. 15 and 16: personal data is kept no longer than its purpose needs. The ledger of contacts
is the proof of every message and is not touched here; nor is anything that a rebuild within the
kept time needs.
"""

import shutil
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cobranca.errors import ConfigError, PartitionError
from cobranca.partitions import month_history
from cobranca.partitions.manifest import read_manifest
from cobranca.partitions.outbound_partition import approved_batches
from cobranca.settings import Settings, parse_business_date
from cobranca.time_zone import TIME_ZONE

# Quality pages hold counts and reasons only, and stay.
AGED_OUT = ("landing", "outbound", "queues", "outbox", "reports", "inbox")
# A workbook that an agent returns, and a rebuild of last month, still need the night's files.
LEAST_KEPT_DAYS = 31
# The ledger is not done with a message in one of these states.
_UNSETTLED = ("planned", "claimed", "sending", "unknown")


@dataclass(frozen=True)
class Retention:
    """What goes and what stays.

    ``going`` are folders and files with their bytes, ``month_ends`` the nights whose summary is
    kept, ``staying`` the nights that must stay whole, with the reason.
    """

    cutoff: date
    going: dict[Path, int]
    month_ends: tuple[date, ...]
    staying: dict[date, str]

    @property
    def bytes(self) -> int:
        """The size of all that goes."""
        return sum(self.going.values())


def plan_retention(settings: Settings, business_date: date, keep_days: int) -> Retention:
    """What :func:`apply_retention` would do on ``business_date``; changes nothing.

    ``keep_days`` nights are kept whole.

    Raises:
        ConfigError: fewer days than a rebuild of last month needs.
    """
    if keep_days < LEAST_KEPT_DAYS:
        raise ConfigError(
            f"keep at least {LEAST_KEPT_DAYS} days: the last month must stay rebuildable."
        )
    cutoff = business_date - timedelta(days=keep_days)
    staying = _needed(settings, cutoff)
    going = {
        folder: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for kind in AGED_OUT
        for night, folder in settings.nights(kind).items()
        if night < cutoff and night not in staying
    }
    going |= {
        path: path.stat().st_size for path in _reports_read(settings) if _came_on(path) < cutoff
    }
    last_of_month = {(night.year, night.month): night for night in sorted(_approved(settings))}
    month_ends = tuple(
        night for night in last_of_month.values() if settings.folder("outbound", night) in going
    )
    return Retention(cutoff, going, month_ends, staying)


def apply_retention(settings: Settings, retention: Retention) -> None:
    """Write the month-end summaries, and only when all of them stand remove what goes.

    Raises:
        PartitionError: a batch to be summarised was changed since it was approved; nothing is
            removed.
    """
    for night in retention.month_ends:
        month_history.keep_month_end(settings, night)
    for path in retention.going:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _reports_read(settings: Settings) -> list[Path]:
    """Files of providers' reports, which hold addresses; their content is in the ledger.

    They carry no business date.
    """
    folders = (settings.data / "inbox" / "events" / name for name in ("read", "refused"))
    return sorted(path for folder in folders for path in folder.glob("*") if path.is_file())


def _came_on(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, TIME_ZONE).date()


def _approved(settings: Settings) -> set[date]:
    return {batch.business_date for batch in approved_batches(settings)}


def _needed(settings: Settings, cutoff: date) -> dict[date, str]:
    """Old nights that stay whole, with the reason."""
    needed: dict[date, str] = {}
    for night in _unsettled_nights(settings):
        needed[night] = "the ledger has messages of that night that are not settled"
    for night in sorted(settings.nights("landing")):
        if night >= cutoff:
            for earlier in _inputs_of(settings, night):
                needed.setdefault(earlier, f"the landing of {night} was made from it")
    landed, approved = settings.nights("landing"), _approved(settings)
    if landed:
        needed.setdefault(max(landed), "it is the newest landing, with which the next is compared")
    if approved:
        needed.setdefault(
            max(approved), "it is the newest approved plan, which stands until the next"
        )
    return {night: reason for night, reason in sorted(needed.items()) if night < cutoff}


def _inputs_of(settings: Settings, night: date) -> set[date]:
    """Earlier nights that a landing names among its inputs, by date."""
    try:
        inputs = read_manifest(settings.folder("landing", night, "sources")).inputs
    except PartitionError:
        return set()
    dates = set()
    for value in inputs.values():
        try:
            dates.add(parse_business_date(value[:10]))
        except ConfigError:
            continue
    return dates


def _unsettled_nights(settings: Settings) -> set[date]:
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import contacts

    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as ledger:
            query = (
                sa.select(contacts.c.business_date)
                .where(contacts.c.state.in_(_UNSETTLED))
                .distinct()
            )
            return set(ledger.scalars(query))
    finally:
        engine.dispose()
