"""What the landing of one source depends on, resolved once."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cobranca.partitions.landing_partition import previous_landing
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings
from cobranca.sources.cleaning.bounds import Bounds, arrival_bounds

if TYPE_CHECKING:
    from cobranca.redaction.erasure_registry import Erasures
    from cobranca.sources.mapping.model import SourceMapping


@dataclass(frozen=True)
class LandingContext:
    """One source on one business date: its file, and what was known before it is read.

    ``bounds`` are those of the policy, ``previous`` is the newest landing of an earlier date,
    ``erasures`` the payers whose data must not land.
    """

    business_date: date
    mapping: "SourceMapping"
    bounds: Bounds
    previous: Manifest | None
    erasures: "Erasures"

    @classmethod
    def resolve(cls, settings: Settings, business_date: date, source: str) -> "LandingContext":
        """Read the source's file, the policy, the landing before and the ledger's erasures.

        Raises:
            ConfigError: the source's file or the policy is invalid.
            LedgerError: the ledger cannot be opened.
        """
        from cobranca.redaction.erasure_registry import read_erasures
        from cobranca.sources.mapping.load import get_mapping

        return cls(
            business_date=business_date,
            mapping=get_mapping(settings, source),
            bounds=arrival_bounds(settings, business_date),
            previous=previous_landing(settings, business_date),
            erasures=read_erasures(settings),
        )
