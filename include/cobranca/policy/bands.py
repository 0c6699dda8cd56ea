"""``bands.yml``: the aging bands, and what a call about each is expected to recover."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from cobranca.aging import band_names
from cobranca.policy.config_file import Reading, yaml_file
from cobranca.policy.types import Frozen, Rate, Row
from cobranca.validation.documents import Document


def _whole_percent(value: Decimal) -> Decimal:
    if value * 100 % 1:
        raise ValueError("not a whole percentage; write it as 45 % or 0.45")
    return value


WholePercent = Annotated[Rate, AfterValidator(_whole_percent)]


class Band(Frozen):
    """One band of overdue debts, up to and including ``last_day``; the oldest has no last day."""

    last_day: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Last day past due that belongs to the band; the oldest band has none."""
    recovery: WholePercent
    """Share of what is due that a call is expected to bring."""


class Bands(Frozen):
    """``bands.yml``. Recovery is the share of what is due that a call is expected to bring."""

    recovery_before_due: WholePercent = Decimal("0.05")
    """The same for what is not due yet, where the régua has preventive calls."""
    first_band_calls: WholePercent = Decimal("0.30")
    """Share of the calls that belongs to the first band, however small its amounts are."""
    # The report has six colours: one for what is not due, five for what is overdue.
    bands: Annotated[tuple[Band, ...], Field(min_length=2, max_length=5)] = (
        Band(last_day=30, recovery=Decimal("0.85")),
        Band(last_day=60, recovery=Decimal("0.45")),
        Band(last_day=90, recovery=Decimal("0.15")),
        Band(last_day=180, recovery=Decimal("0.10")),
        Band(recovery=Decimal("0.05")),
    )
    """The bands of overdue debts, the youngest first; two to five."""

    @property
    def last_days(self) -> tuple[int, ...]:
        return tuple(band.last_day for band in self.bands if band.last_day is not None)


def _check(bands: Bands, document: Document, reading: Reading) -> None:
    *closed, oldest = bands.bands
    previous = 0
    for number, band in enumerate(closed):
        if band.last_day is None or band.last_day <= previous:
            reading.refuse(
                document.line(("bands", number, "last_day")),
                f"band {number + 1} does not end after the one before it",
                f"give it a last_day above {previous}",
            )
        previous = band.last_day or previous
    if oldest.last_day is not None:
        reading.refuse(
            document.line(("bands", len(closed), "last_day")),
            "the oldest band has an end",
            "take its last_day out, so that each age has a band",
        )


BANDS = yaml_file("bands.yml", Bands, check=_check, default=Bands())


def band_rows(bands: Bands) -> list[Row]:
    """The rows of ``policy_bands``, in the order of age."""
    recoveries = (bands.recovery_before_due, *(band.recovery for band in bands.bands))
    last_days = (0, *(band.last_day for band in bands.bands))
    return [
        {
            "aging_band": name,
            "band_order": order,
            "last_day": last_days[order],
            "recovery_percent": int(recoveries[order] * 100),
            "guaranteed_percent": int(bands.first_band_calls * 100) if order == 1 else 0,
        }
        for order, name in enumerate(band_names(bands.last_days))
    ]
