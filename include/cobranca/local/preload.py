"""Preload the slowest libraries before Airflow's command: forked tasks share them.

``python -m cobranca.local.preload scheduler`` is ``airflow scheduler``. Only third-party libraries
are loaded ahead, so a change in this project holds from the next task on.
"""

import importlib

# By what loading them costs each task that uses them; together some 300 MiB that all tasks share.
LIBRARIES = (
    "great_expectations",
    "dbt.cli.main",
    "dbt.adapters.duckdb",
    "pandas",
    "altair",
    "alembic.command",
    "duckdb",
)


def main() -> None:
    from airflow.__main__ import main as airflow

    for name in LIBRARIES:
        importlib.import_module(name)
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
