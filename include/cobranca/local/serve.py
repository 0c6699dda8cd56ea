"""``make airflow``: the demo company's Airflow with its pages, until Ctrl-C."""

import sys
import time
from datetime import date

from cobranca.errors import CobrancaError
from cobranca.local.airflow import USER
from cobranca.local.workspace import PAYERS, demo_company


def main() -> None:
    first = date(2026, 11, 18)
    try:
        with demo_company() as company, company.airflow() as airflow:
            if company.filled_for() is None:
                print(f"Filling the demo sources for {first} ...", flush=True)
                airflow.api.run("generate_demo_sources", first, conf={"payers": PAYERS})
                company.note_filled(first)
            print(f"Airflow is ready: {airflow.url}   user {USER}   password {airflow.password}")
            print(
                "A night begins when collect_feedback and land_receivables are triggered with the "
                "same partition key,"
            )
            print(f"for example {first}. Ctrl-C stops everything.", flush=True)
            while True:
                airflow.check_alive()
                time.sleep(1)
    except CobrancaError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nstopped; nothing runs on.")


if __name__ == "__main__":
    main()
