"""Run a database server as a user that it accepts.

PostgreSQL and MariaDB refuse to run as root, so root starts them as another user. Where that user
cannot walk down to the folder (a checkout under ``/root``), the server process keeps the single
capability to pass through folders.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cobranca.local.postgres_binaries import PostgresUnavailable


class ServerUser:
    """Run server commands as the present user or, for root, as one that the server accepts."""

    def __init__(self, names: tuple[str, ...], owner_of: Path | None = None) -> None:
        self.uid = self.gid = -1  # the present user
        self._prefix: list[str] = []
        if os.geteuid() != 0:
            return
        if owner_of is not None and owner_of.exists() and owner_of.stat().st_uid != 0:
            stat = owner_of.stat()
            self.uid, self.gid = stat.st_uid, stat.st_gid
            return
        for name in names:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            self.uid, self.gid = entry.pw_uid, entry.pw_gid
            return
        raise PostgresUnavailable(
            f"root cannot run a database server and this machine has no user {' or '.join(names)}."
        )

    @property
    def is_other(self) -> bool:
        """Whether the server runs as another user than this process."""
        return self.uid >= 0

    def own(self, path: Path) -> None:
        """Give one file or folder to the server's user."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def reach(self, folder: Path, binary: Path) -> None:
        """Make sure that the server's user can write ``folder`` and run ``binary``.

        Where it cannot walk down to them, the server keeps one capability.

        Raises:
            PostgresUnavailable: it cannot, with any capability that was tried.
        """
        if not self.is_other:
            return
        probe = [
            "/bin/sh",
            "-c",
            'test -w "$1" && exec "$2" --version',
            "sh",
            str(folder),
            str(binary),
        ]
        attempts: list[list[str]] = [[]]
        if setpriv := shutil.which("setpriv"):
            capabilities = ("dac_read_search", "dac_override")
            attempts += [self._keeping(setpriv, capability) for capability in capabilities]
        for prefix in attempts:
            self._prefix = prefix
            answer = subprocess.run(
                self.command(probe), capture_output=True, check=False, **self.options()
            )
            if answer.returncode == 0:
                return
        raise PostgresUnavailable(
            f"user id {self.uid} cannot use {folder} or run {binary}; run as an ordinary user, or "
            "move the checkout to a place that every user may enter."
        )

    def _keeping(self, setpriv: str, capability: str) -> list[str]:
        """The command that changes to the user and keeps a single capability."""
        return [
            setpriv,
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps=+{capability}",
            f"--ambient-caps=+{capability}",
            f"--bounding-set=-all,+{capability}",
            "--",
        ]

    def command(self, arguments: Sequence[object]) -> list[str]:
        """The command line to run as that user."""
        return [*self._prefix, *map(str, arguments)]

    def options(self) -> dict[str, Any]:
        """Arguments for :mod:`subprocess`; with a prefix the identity changes there."""
        options: dict[str, Any] = {
            "cwd": "/",
            "stdin": subprocess.DEVNULL,
            "start_new_session": True,
        }
        if self.is_other and not self._prefix:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options
