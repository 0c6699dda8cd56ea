"""Great Expectations costs most of a second per run, so tests of one spoiled table ask only what
that table can change.
"""

from collections.abc import Callable

import pytest

from cobranca.quality import runner


@pytest.fixture
def ask_only_about(monkeypatch) -> Callable[[set[str]], None]:
    """Narrow the gate to the expectations that read one of some tables; the others see what a good
    night shows them.
    """
    run = runner.run

    def narrow(tables: set[str]) -> None:
        monkeypatch.setattr(
            runner,
            "run",
            lambda files, expectations: run(
                files, [e for e in expectations if tables & set(e.meta["needs"])]
            ),
        )

    return narrow
