"""Log of finished runs, one row for each run in the table ``runs``."""

from collections.abc import Mapping
from datetime import date

from cobranca.ledger.column_types import insert_into
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.tables import runs


class RunLog(LedgerClient):
    """Records the counts of runs."""

    @retries_restart
    def record_run(
        self,
        run_id: str,
        business_date: date,
        stage: str,
        batch_id: str,
        counts: Mapping[str, object],
    ) -> None:
        """Record the counts of one run; idempotent by ``run_id``."""
        row = {
            "run_id": run_id,
            "business_date": business_date,
            "stage": stage,
            "batch_id": batch_id,
            "counts": dict(counts),
        }
        with self.engine.begin() as connection:
            connection.execute(insert_into(connection, runs).on_conflict_do_nothing(), row)
