"""What the landing of a plan already held, so that only what came later stops a message."""

from collections.abc import Iterator
from datetime import date

from cobranca.errors import PartitionError
from cobranca.partitions.manifest import read_manifest
from cobranca.settings import Settings

# Files of agents' records, and the key of each.
RECORDS = (
    ("outcomes", "outcome_id"),
    ("promises", "promise_id"),
    ("agreements", "agreement_id"),
)


class PlanLanding:
    """The landing of one date. Where a part of it is no longer kept, it held nothing."""

    def __init__(self, settings: Settings, business_date: date):
        self._settings, self._business_date = settings, business_date
        self._advances: dict[str, frozenset[str]] = {}

    def records(self, event_ids: set[str]) -> set[str]:
        """Those of the ids that are agents' records of the landing.

        They are compared by id, not by time, so that no two clocks have to agree.
        """
        known: set[str] = set()
        for name, key in RECORDS:
            query = (
                f"select {key} from read_parquet(?) where {key} in (select unnest(?::varchar[]))"
            )
            known.update(self._first_column("feedback", name, query, sorted(event_ids)))
        return known

    def advances(self, source: str) -> frozenset[str]:
        """Ids of the source's payments that name no receivable."""
        if source not in self._advances:
            query = "select payment_id from read_parquet(?) where receivable_id is null"
            found = self._first_column("sources", f"{source}/payments", query)
            self._advances[source] = frozenset(found)
        return self._advances[source]

    def _first_column(self, part: str, name: str, query: str, *parameters: object) -> Iterator[str]:
        import duckdb

        try:
            landed = read_manifest(self._settings.folder("landing", self._business_date, part))
            path = str(landed.path(f"{name}.parquet"))
        except PartitionError:
            return
        with duckdb.connect(config={"threads": 1}) as connection:
            yield from (row[0] for row in connection.execute(query, [path, *parameters]).fetchall())
