"""``make demo``: run one night of a made-up company under the real scheduler."""

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import click

from cobranca.errors import CobrancaError
from cobranca.local.airflow_api import TaskEvent
from cobranca.local.summary import messages_sent, summarise
from cobranca.local.workspace import HOME, PAYERS, demo_company
from cobranca.settings import parse_business_date

STATE_NAMES = {
    "running": "started",
    "success": "done",
    "skipped": "skipped",
    "up_for_retry": "failed, will be tried again",
    "up_for_reschedule": "waits",
    "awaiting_input": "waits for a person: see Required Actions",
    "failed": "FAILED",
}


class ProgressPrinter:
    """Print what happens, with the seconds since the start."""

    def __init__(self, say: Callable[[str], None] = click.echo) -> None:
        self._start = time.monotonic()
        self._say = say

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def step(self, name: str, what: str) -> None:
        self._say(f"{self.seconds:6.1f} s  {name:<22} {what}")

    def task(self, event: TaskEvent) -> None:
        spent = f" in {event.seconds:.1f} s" if event.seconds and event.state == "success" else ""
        said = f": {event.message}" if event.message else ""
        self.step(
            event.dag, f"{event.task:<22} {STATE_NAMES.get(event.state, event.state)}{spent}{said}"
        )


def run_demo(
    business_date: date,
    home: Path = HOME,
    payers: int = PAYERS,
    say: Callable[[str], None] = click.echo,
) -> None:
    """Run the night of a date, from filling the sources to the report, and print a summary.

    Raises:
        CobrancaError: something could not start, a DAG failed, or the counts do not tie.
    """
    from cobranca.demo.agent_answers import return_workbooks

    tell = ProgressPrinter(say)
    say(
        f"One night of a made-up company: {business_date:%A}, {business_date}. Everything stays "
        f"in {home}."
    )
    with demo_company(home) as company:
        tell.step("postgres", f"ready on port {company.server.port}")
        returned = return_workbooks(company.settings, business_date)
        if returned:
            tell.step(
                "agents",
                f"returned {len(returned)} workbooks of the previous night, partly answered",
            )
        before = messages_sent(company.settings, business_date)
        with company.airflow() as airflow:
            tell.step(
                "airflow",
                f"ready at {airflow.url}, user admin, password {airflow.password}, until this "
                "command ends",
            )
            airflow.api.run(
                "generate_demo_sources", business_date, conf={"payers": payers}, progress=tell.task
            )
            company.note_filled(business_date)
            airflow.api.run_night(business_date, progress=tell.task)
        lines, ties = summarise(company.settings, business_date, before)
    tell.step("stopped", "Airflow and PostgreSQL; nothing runs on")
    say("")
    for line in lines:
        say(line)
    if not ties:
        raise CobrancaError(f"counts of {business_date} do not tie, see above.")


@click.command(help=__doc__)
@click.option("--date", "text", default="2026-11-18", show_default=True, help="The business date.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=HOME,
    show_default="var/demo",
    help="Where everything is kept.",
)
@click.option("--payers", default=PAYERS, show_default=True, help="The size of the company.")
def main(text: str, home: Path, payers: int) -> None:
    try:
        run_demo(parse_business_date(text), home, payers)
    except CobrancaError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo(
            "\nstopped on request; nothing runs on. The same command continues the night.",
            err=True,
        )
        sys.exit(130)


if __name__ == "__main__":
    main(standalone_mode=True)
