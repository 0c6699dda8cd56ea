"""Options that several commands share."""

from datetime import date
from typing import Any

import click

from cobranca.errors import ConfigError
from cobranca.settings import parse_business_date


class BusinessDate(click.ParamType[date]):
    """A day as ``YYYY-MM-DD``."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return parse_business_date(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


business_date_option = click.option(
    "--business-date",
    required=True,
    type=BusinessDate(),
    help="The night to work on, such as 2026-11-18.",
)
