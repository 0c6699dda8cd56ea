"""Settings read from the environment; see ``.env.example`` for every name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from cobranca.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DELIVERIES = ("outbox", "sendgrid")
MOST_PROCESSES = 16
WAREHOUSES = ("duckdb:///", "postgresql://")


@dataclass(frozen=True)
class Settings:
    """Where everything is.

    Built once at the edge and passed down; nothing else reads the environment.
    """

    config: Path
    data: Path
    # These may hold a password.
    warehouse: str = field(repr=False)
    ledger: str = field(repr=False)
    delivery: str
    delivery_processes: int = field(default_factory=lambda: _processors())  # noqa: PLW0108 - defined below

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the ``COBRANCA_*`` variables.

        Raises:
            ConfigError: a value is not one of those allowed.
        """
        environ = os.environ if environ is None else environ
        place = environ.get("COBRANCA_DATA") or str(PROJECT_ROOT / "var" / "data")
        if "://" in place:
            raise ConfigError(
                f"COBRANCA_DATA={place}: object stores are not supported yet; give a folder."
            )
        data = Path(place).expanduser().absolute()
        warehouse = environ.get("COBRANCA_WAREHOUSE") or f"duckdb:///{data / 'warehouse.duckdb'}"
        if not warehouse.startswith(WAREHOUSES):
            scheme = warehouse.partition(":")[0]
            raise ConfigError(
                f"COBRANCA_WAREHOUSE starts with '{scheme}:'; use duckdb:///path or "
                "postgresql://user:password@host:port/database."
            )
        delivery = environ.get("COBRANCA_DELIVERY") or "outbox"
        if delivery not in DELIVERIES:
            raise ConfigError(f"COBRANCA_DELIVERY={delivery}; use one of: {', '.join(DELIVERIES)}.")
        return cls(
            config=Path(
                environ.get("COBRANCA_CONFIG") or PROJECT_ROOT / "include" / "config"
            ).absolute(),
            data=data,
            warehouse=warehouse,
            ledger=environ.get("COBRANCA_LEDGER") or f"sqlite:///{data / 'ledger.db'}",
            delivery=delivery,
            delivery_processes=_number(
                environ, "COBRANCA_DELIVERY_PROCESSES", _processors(), MOST_PROCESSES
            ),
        )

    def folder(self, kind: str, business_date: date, *parts: str) -> Path:
        """``<data>/<kind>/<business date>/<parts...>``; the folder need not exist yet."""
        return self.data.joinpath(kind, business_date.isoformat(), *parts)

    def nights(self, kind: str) -> dict[date, Path]:
        """The folders of one kind that there are, by business date, the oldest first."""
        found = {}
        for folder in sorted((self.data / kind).glob("????-??-??")):
            try:
                found[parse_business_date(folder.name)] = folder
            except ConfigError:
                continue
        return found


def _processors() -> int:
    """Those that this process may use, as far as they are worth a sending process each."""
    usable = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return min(usable, 4)


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ConfigError(f"{name}={text}; use a whole number from 1 to {most}.")
    return int(text)


def parse_business_date(text: str) -> date:
    """Read ``YYYY-MM-DD``.

    Raises:
        ConfigError: the text is no such date.
    """
    try:
        day = date.fromisoformat(text)
        # 20261118 and 2026-W47-3 are ISO dates as well, but paths and partition keys have one
        # spelling.
        if day.isoformat() != text:
            raise ValueError
        return day
    except (TypeError, ValueError):
        raise ConfigError(
            f"business date '{text}' is not a date; write it as YYYY-MM-DD, for example 2026-11-18."
        ) from None
