"""Unit tests of dbt alone, on a warehouse that was built before.

``python -m mutants.examples FOLDER build`` builds it; with names of unit tests instead, what dbt
says of those that fail is printed. A unit test needs the columns of its inputs and not their rows,
so one empty night serves all.
"""

import sys
from pathlib import Path

from cobranca import warehouse
from cobranca.errors import BuildFailed
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from warehouse.busy_nights import NIGHT, settings_in
from warehouse.nights import land_night


def main(folder: Path, *names: str) -> None:
    settings = settings_in(folder)
    if names == ("build",):
        land_night(settings, NIGHT)
        warehouse.build(settings, NIGHT)
        return
    try:
        run_dbt(
            *("test", "--select", *(f"test_name:{name}" for name in names)),
            environment=open_warehouse(settings.warehouse).dbt_environment(),
            business_date=NIGHT,
            work=folder / ".dbt",
        )
    except BuildFailed as failure:
        print(failure)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
