"""Contact hours: when messages may be sent, by channel, state and kind of day."""

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from cobranca.calendar import NATIONAL, bank_holidays
from cobranca.errors import DeliveryRefused
from cobranca.policy import Policy, load_policy
from cobranca.settings import Settings
from cobranca.time_zone import TIME_ZONE

# States with another time than Brasília (Lei 12.876/2013). All of Amazonas uses the time of its
# capital, and Fernando de Noronha that of its state.
OTHER_ZONES = {
    "AC": ZoneInfo("America/Rio_Branco"),
    "AM": ZoneInfo("America/Manaus"),
    "MS": ZoneInfo("America/Campo_Grande"),
    "MT": ZoneInfo("America/Cuiaba"),
    "RO": ZoneInfo("America/Porto_Velho"),
    "RR": ZoneInfo("America/Boa_Vista"),
}
SATURDAY, SUNDAY = 5, 6


def opens_at(settings: Settings, business_date: date) -> datetime:
    """Start of the e-mail window of a date, in São Paulo's time.

    Raises:
        ConfigError: the limits cannot be read.
    """
    starts = load_policy(settings.config, business_date).limits.email_window.starts
    return datetime.combine(business_date, starts, TIME_ZONE)


def is_open(settings: Settings, business_date: date, now: datetime | None = None) -> bool:
    """Whether the sending of a date may start at ``now`` (aware; default: the present).

    The outbox is always open, because it reaches no one. After the window there is no wait for the
    next day: the messages expire.

    Raises:
        ConfigError: the limits cannot be read.
    """
    if settings.delivery == "outbox":
        return True
    now = (now or datetime.now(TIME_ZONE)).astimezone(TIME_ZONE)
    return now >= opens_at(settings, business_date)


class ContactHours:
    """Contact hours of the policy of one night."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self._windows: dict[tuple[str, str | None, date], tuple[time, time] | None] = {}

    def allow(self, channel: str, state: str | None, now: datetime) -> bool:
        """Whether a message by ``channel`` may be sent to a payer in ``state`` at ``now`` (aware).

        The local time of the payer's state counts. Nothing is allowed on Sundays, on bank holidays
        and on the company's extra holidays.
        """
        here, window = self._here(channel, state, now)
        return window is not None and window[0] <= here.time() < window[1]

    def opens_later(self, channel: str, state: str | None, now: datetime) -> bool:
        """Whether the contact hours start later on the same day."""
        here, window = self._here(channel, state, now)
        return window is not None and here.time() < window[0]

    def _here(
        self, channel: str, state: str | None, now: datetime
    ) -> tuple[datetime, tuple[time, time] | None]:
        """Local time of the state, and the contact hours of that day."""
        here = now.astimezone(OTHER_ZONES.get(state or "", TIME_ZONE))
        wanted = channel, state, here.date()
        if wanted not in self._windows:
            self._windows[wanted] = self._window(*wanted)
        return here, self._windows[wanted]

    def _window(self, channel: str, state: str | None, day: date) -> tuple[time, time] | None:
        if day.weekday() == SUNDAY or day in bank_holidays(day.year) or self._rests(state, day):
            return None
        kind = "saturday" if day.weekday() == SATURDAY else "weekday"
        rows = {
            row.state: row
            for row in self._policy.message_hours
            if row.channel == channel and row.day_kind == kind
        }
        row = rows.get(state or NATIONAL) or rows.get(NATIONAL)
        if row:
            return row.starts_at, row.ends_at
        if channel == "email" and kind == "weekday":
            return self._policy.limits.email_window.starts, self._policy.limits.email_window.ends
        return None

    def _rests(self, state: str | None, day: date) -> bool:
        places = (NATIONAL, state)
        return any(
            off.place in places and day in off.days(day.year, day.year)
            for off in self._policy.extra_holidays
        )


def is_today(business_date: date, clock: Callable[[], datetime]) -> bool:
    """Whether the date is today in São Paulo; if not, it is in the past.

    Raises:
        DeliveryRefused: it is in the future.
    """
    today = clock().astimezone(TIME_ZONE).date()
    if business_date > today:
        raise DeliveryRefused(
            f"{business_date} is in the future (today is {today} in São Paulo): nothing was "
            "planned or sent. "
            "Run that date when it comes, or look at the messages with COBRANCA_DELIVERY=outbox "
            "and another COBRANCA_LEDGER."
        )
    return business_date == today


def current_time() -> datetime:
    """The present, by the machine's clock."""
    return datetime.now(TIME_ZONE)
