"""Airflow's command, with the libraries loaded that take longest: tasks are forked from the scheduler and find them there.

``python -m cobranca.local.warm scheduler`` is ``airflow scheduler``. Only other people's libraries are loaded ahead, so a
change in this project still holds from the next task on.
"""

import importlib

# By what loading them costs each task that uses them; together some 300 MiB that all tasks share.
LIBRARIES = ("great_expectations", "dbt.cli.main", "dbt.adapters.duckdb", "pandas", "altair", "alembic.command", "duckdb")


def main() -> None:
    from airflow.__main__ import main as airflow

    for name in LIBRARIES:
        importlib.import_module(name)
    airflow()


if __name__ == "__main__":
    main()
