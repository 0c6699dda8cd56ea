"""At which hours messages may leave for real people."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from cobranca.calendar import is_bank_day
from cobranca.policy import load_policy
from cobranca.settings import Settings

TIME_ZONE = ZoneInfo("America/Sao_Paulo")


def opens_at(settings: Settings, business_date: date) -> datetime:
    """When the messages of a date may begin to leave: the start of the e-mail window on that day, São Paulo.

    Raises:
        ConfigError: the limits cannot be read.
    """
    starts = load_policy(settings.config, business_date).limits.email_window.starts
    return datetime.combine(business_date, starts, TIME_ZONE)


def is_open(settings: Settings, business_date: date, now: datetime | None = None) -> bool:
    """Whether the messages of a date may leave at ``now`` (aware; default: this moment).

    The outbox is always open: nobody is disturbed by a file. A late night's messages wait for the window of the
    next bank day.

    Raises:
        ConfigError: the limits cannot be read.
    """
    if settings.delivery == "outbox":
        return True
    now = (now or datetime.now(TIME_ZONE)).astimezone(TIME_ZONE)
    window = load_policy(settings.config, business_date).limits.email_window
    if now < opens_at(settings, business_date) or not window.starts <= now.time() < window.ends:
        return False
    return now.date() == business_date or is_bank_day(now.date())
