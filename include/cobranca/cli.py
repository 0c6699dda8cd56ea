"""The ``cobranca`` command.

Exit 0 done, 1 a gate or a run failed, 2 bad configuration or arguments.
"""

import logging
import sys
import time
from datetime import date
from pathlib import Path

import click

from cobranca.cli_options import BusinessDate, business_date_option
from cobranca.errors import CobrancaError, ConfigError
from cobranca.settings import Settings


@click.group()
def commands() -> None:
    """Collections pipeline: receivables in; reminders, call queues and finance reports out."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


@commands.command()
@business_date_option
@click.option(
    "--until",
    metavar="STAGE",
    help="Stop after feedback, land, build, gate, reminders, queues or reports.",
)
def night(business_date: date, until: str | None) -> None:
    """Run a whole night without Airflow. Running a date again sends nothing twice."""
    from cobranca.night import run

    started = time.monotonic()

    def tell(stage: str, result: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {stage:<10} {result}")

    run(Settings.from_environment(), business_date, until=until, tell=tell)


@commands.command()
@business_date_option
def rebuild(business_date: date) -> None:
    """Rebuild a past night from its landing and compare it with what was approved then.

    Contacts no one.
    """
    from cobranca.night import rebuild
    from cobranca.privacy.amended_batches import compare_amended

    settings = Settings.from_environment()
    candidate, approved = rebuild(settings, business_date)
    if approved is not None and approved.amended:
        click.echo(compare_amended(settings, candidate, approved))
    elif approved is None:
        click.echo(
            f"{business_date}: rebuilt as batch {candidate.batch_id}; no batch of that date was "
            "ever approved."
        )
    elif approved.batch_id == candidate.batch_id:
        click.echo(f"{business_date}: identical to the approved batch {approved.batch_id}.")
    else:
        before = {entry.name: entry.sha256 for entry in approved.files}
        changed = [
            entry.name for entry in candidate.files if before.get(entry.name) != entry.sha256
        ]
        raise CobrancaError(
            f"{business_date}: batch {candidate.batch_id} differs from the approved "
            f"{approved.batch_id} in: {', '.join(changed)}."
            " Its landing, its policy or the models have changed since."
        )


@commands.command()
@click.option(
    "--business-date",
    type=BusinessDate(),
    help="Check the policy in force on this date (default: today).",
)
def check(business_date: date | None) -> None:
    """Validate the configuration, reach every source and print what each query returns."""
    from cobranca.policy import load_policy
    from cobranca.quality.policy_targets import unknown_targets_of
    from cobranca.sources.check import check as check_sources
    from cobranca.sources.check import report

    settings = Settings.from_environment()
    # Only a check may ask the clock: it works on no night.
    business_date = business_date or date.today()  # noqa: DTZ011 - the day of this machine
    policy = load_policy(settings.config, business_date)
    click.echo(f"policy {policy.version}: valid")
    if len(policy.creditors) > 1:
        for creditor in policy.creditors.values():
            click.echo(f"creditor {creditor.id} signs as {creditor.signature}")
    for warning in (*policy.warnings, *unknown_targets_of(settings, policy)):
        click.echo(f"  note: {warning}")
    rows = check_sources(settings, business_date)
    click.echo(report(rows))
    if any(row.problem for row in rows):
        raise ConfigError("some sources cannot be read as configured; see above.")


@commands.command()
@click.option(
    "--customer",
    required=True,
    metavar="KEY",
    help="A customer key (C…), or a customer or an open receivable such as erp:1234.",
)
@click.option(
    "--business-date", type=BusinessDate(), help="One night; without it, every night there is."
)
def why(customer: str, business_date: date | None) -> None:
    """Explain, in Portuguese, what was decided about one payer, night by night, and why."""
    from cobranca.explain.narrate import explain

    click.echo(explain(Settings.from_environment(), customer, business_date))


@commands.group()
def sources() -> None:
    """Work with the sources and their files."""


@sources.command("preset")
@click.argument("name", required=False)
@click.option(
    "--connection",
    metavar="ID",
    help="Connection id of the database (default: the preset's own name).",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Name of the source, first part of every key (default: the connection id).",
)
def preset(name: str | None, connection: str | None, source: str | None) -> None:
    """Print the ready source file of an ERP; without a name, list them."""
    from cobranca.sources.mapping.presets import preset_file, preset_names, preset_title

    if name is None:
        for known in preset_names():
            click.echo(f"{known:<18} {preset_title(known)}")
    else:
        click.echo(preset_file(name, connection, source), nl=False)


@sources.command("preview")
@click.option("--source", metavar="NAME", help="One source (default: each).")
@click.option(
    "--entity", metavar="NAME", help="customers, receivables or payments (default: each)."
)
@click.option(
    "--rows", type=click.IntRange(1, 100), default=5, show_default=True, help="Rows of each."
)
def preview_sources(source: str | None, entity: str | None, rows: int) -> None:
    """Print the first rows that each query gives, with personal data masked."""
    from cobranca.sources.query_preview import preview

    for shown in preview(Settings.from_environment(), source, entity, rows):
        click.echo(f"{shown}\n")


@commands.command()
@business_date_option
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="STEP",
    help="Only this step, such as d+65; may be repeated.",
)
@click.option("--volume", is_flag=True, help="Approve the unusual number of messages, and no step.")
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
def approve(business_date: date, steps: tuple[str, ...], volume: bool, by: str) -> None:
    """Approve messages whose step asks for a person, or an unusual number of messages.

    The next delivery of that date sends them.
    """
    from cobranca.reminders.plan.approvals import approve, approve_volume

    if volume and steps:
        raise ConfigError(
            "approve steps and the number of messages one after the other: --step or --volume."
        )
    if volume:
        batch = approve_volume(Settings.from_environment(), business_date, by)
        click.echo(
            f"the number of messages of {business_date} (plan {batch}) approved by {by}; run its "
            "delivery to send them."
        )
        return
    number = approve(Settings.from_environment(), business_date, by, list(steps) or None)
    click.echo(
        f"{number} messages of {business_date} approved by {by}; run the delivery of that date to "
        "send them."
    )


@commands.command()
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; kept for the person who resumes."
)
def pause(by: str, reason: str) -> None:
    """Stop all sending at once, in every process, until `cobranca resume`."""
    from cobranca.reminders.plan.approvals import pause

    pause(Settings.from_environment(), by, reason)
    click.echo("sending is paused; nothing leaves until: cobranca resume --by NAME")


@commands.command()
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
def resume(by: str) -> None:
    """Allow sending again after a pause."""
    from cobranca.reminders.plan.approvals import resume

    resume(Settings.from_environment(), by)
    click.echo("sending is allowed again; run the deliveries that were held.")


@commands.command()
@click.option(
    "--regua",
    required=True,
    type=click.Path(path_type=Path),
    help="The proposed régua, a file such as regua.yml.",
)
@click.option("--creditor", metavar="ID", help="The creditor whose own régua it would be.")
@click.option("--from", "first", required=True, type=BusinessDate(), help="First landed night.")
@click.option("--to", "last", required=True, type=BusinessDate(), help="Last landed night.")
@click.option(
    "--top",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Customers of each kind.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="CSV of all who change."
)
def simulate(
    regua: Path, creditor: str | None, first: date, last: date, top: int, output: Path | None
) -> None:
    """Show, in Portuguese, what a proposed régua would have changed over past nights.

    Contacts no one, writes nothing else.
    """
    from cobranca.simulation import simulate
    from cobranca.simulation.report import render_report, write_customers

    found = simulate(Settings.from_environment(), regua, first, last, creditor)
    click.echo(render_report(found, top))
    if output is not None:
        click.echo(f"\n{write_customers(found, output)} clientes em {output}")


@commands.command()
@business_date_option
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="The same as a page.")
def backtest(business_date: date, html: Path | None) -> None:
    """Show how well the payer ranking of past months predicted late payers.

    The figures are those that the night of that date counted.
    """
    from cobranca.partitions.manifest import write_atomically
    from cobranca.partitions.outbound_partition import read_batch
    from cobranca.reports.backtest import describe_backtest, read_backtest
    from cobranca.reports.report_page import render_backtest

    found = read_backtest(read_batch(Settings.from_environment(), business_date))
    click.echo(describe_backtest(found))
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(html, render_backtest(found))
        click.echo(f"\n{html}")


@commands.command()
@click.option("--from", "first", required=True, type=BusinessDate(), help="First night.")
@click.option("--to", "last", required=True, type=BusinessDate(), help="Last night.")
@click.option(
    "--customer", metavar="KEY", help="One payer's key (C…) instead of the whole portfolio."
)
def history(first: date, last: date, customer: str | None) -> None:
    """Print the aging of every approved night in a range.

    Month ends whose detail was aged out are part of it.
    """
    from cobranca.money import format_money
    from cobranca.partitions.month_history import aging

    click.echo(f"{'night':<12}{'band':<10}{'receivables':>12}{'open':>22}{'due':>22}")
    for row in aging(Settings.from_environment(), first, last, customer):
        amounts = "".join(
            f"{format_money(amount, row.currency):>22}"
            for amount in (row.open_amount, row.amount_due)
        )
        click.echo(f"{row.business_date!s:<12}{row.aging_band:<10}{row.receivables:>12}{amounts}")


@commands.command()
@click.option("--keep-days", required=True, type=int, help="Nights of this many days stay whole.")
@business_date_option
@click.option(
    "--apply", "really", is_flag=True, help="Remove it; without this, only list what would go."
)
def retain(keep_days: int, business_date: date, really: bool) -> None:
    """Age out item-level files of old nights; month-end aging and payer states stay.

    The contact ledger is not touched.
    """
    from cobranca.privacy import retention

    settings = Settings.from_environment()
    planned = retention.plan_retention(settings, business_date, keep_days)
    for folder, size in planned.going.items():
        click.echo(
            f"{'removed' if really else 'would go':<10}{size / 1024:>10,.0f} KiB  "
            f"{folder.relative_to(settings.data)}"
        )
    for night in planned.month_ends:
        click.echo(f"{'kept' if really else 'would keep':<10}{'summary':>14}  history/{night}")
    for night, reason in planned.staying.items():
        click.echo(f"{'stays':<10}{'whole':>14}  {night}: {reason}")
    if really:
        retention.apply_retention(settings, planned)
    click.echo(
        f"nights before {planned.cutoff}: {len(planned.going)} folders, "
        f"{planned.bytes / 2**20:,.1f} MiB"
    )


@commands.group()
def privacy() -> None:
    """What people may ask for about their own data (LGPD, art. 18)."""


customer_option = click.option(
    "--customer",
    required=True,
    metavar="KEY",
    help="A customer key (C…), or an account of a source such as erp:1234.",
)


@privacy.command("erase")
@customer_option
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why, without personal data; it is kept."
)
@business_date_option
@click.option(
    "--apply", "really", is_flag=True, help="Erase; without this, only list what would be done."
)
def erase(customer: str, by: str, reason: str, business_date: date, really: bool) -> None:
    """Erase one payer's personal data everywhere, for good.

    Every later landing leaves the payer out.
    """
    from cobranca.privacy.erase import apply_erasure, describe_erasure, plan_erasure

    settings = Settings.from_environment()
    if really:
        erasure, left = apply_erasure(
            settings, customer, by=by, reason=reason, business_date=business_date
        )
        click.echo(describe_erasure(settings, erasure, left))
    else:
        click.echo(describe_erasure(settings, plan_erasure(settings, customer)))


@privacy.command("export")
@customer_option
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the answer.",
)
def export(customer: str, folder: Path) -> None:
    """Write, in Portuguese, all that is held about one payer and why they were contacted.

    The answer is for that person alone.
    """
    from cobranca.privacy.export import export

    for path in export(Settings.from_environment(), customer, folder):
        click.echo(path)


@commands.group()
def letters() -> None:
    """Work with the messages that customers read."""


@letters.command("preview")
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the samples.",
)
@click.option(
    "--business-date", type=BusinessDate(), help="The day the samples are of (default: today)."
)
def preview(folder: Path, business_date: date | None) -> None:
    """Write one sample of every letter, with made-up people. Sends nothing."""
    from cobranca.reminders.render.letter_samples import write_preview

    # A sample is of no night, so it may ask the clock.
    day = business_date or date.today()  # noqa: DTZ011 - the day of this machine
    click.echo(write_preview(Settings.from_environment(), day, folder))


def main() -> None:
    """Entry point.

    Every error of our own becomes one readable message and an exit code, never a traceback.
    """
    try:
        commands.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except CobrancaError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
