"""Mistakes in configuration files, collected so that a person sees all of them at once."""

from pathlib import Path

from cobranca.errors import ConfigError


class Problems:
    """Every mistake found so far, each with its file, its line and the cure."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], str] = {}

    def add(self, path: Path, line: int, what: str, cure: str) -> None:
        text = f"{path}:{line}: {what}; {cure}"
        self._found.setdefault((str(path), line, what), text if text.endswith(".") else text + ".")

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_if_any(self) -> None:
        """Raise one error that lists every problem in file and line order.

        Raises:
            ConfigError: at least one problem was added.
        """
        if self._found:
            raise ConfigError("\n".join(text for _, text in sorted(self._found.items())))
