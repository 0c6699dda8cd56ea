"""At which hours messages may reach real people: by the channel, the payer's state and the kind of day."""

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from cobranca.calendar import NATIONAL, bank_holidays
from cobranca.errors import DeliveryRefused
from cobranca.policy import Policy, load_policy
from cobranca.settings import Settings

TIME_ZONE = ZoneInfo("America/Sao_Paulo")
# States whose clocks differ from Brasília's (Lei 12.876/2013). Amazonas follows its capital, Noronha its state.
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
    """When the first messages of a date may begin to leave: the start of the e-mail window on that day, São Paulo.

    Raises:
        ConfigError: the limits cannot be read.
    """
    starts = load_policy(settings.config, business_date).limits.email_window.starts
    return datetime.combine(business_date, starts, TIME_ZONE)


def is_open(settings: Settings, business_date: date, now: datetime | None = None) -> bool:
    """Whether messages of a date may begin to leave at ``now`` (aware; default: this moment).

    The outbox is always open: nobody is disturbed by a file. A late night waits for no other day: its messages expire.

    Raises:
        ConfigError: the limits cannot be read.
    """
    if settings.delivery == "outbox":
        return True
    now = (now or datetime.now(TIME_ZONE)).astimezone(TIME_ZONE)
    return now >= opens_at(settings, business_date)


class ReachableHours:
    """When messages may reach people, by the policy of one night."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self._windows: dict[tuple, tuple[time, time] | None] = {}

    def allow(self, channel: str, state: str | None, now: datetime) -> bool:
        """Whether a message by ``channel`` may reach a person of ``state`` at ``now`` (aware).

        The hour is the one on the wall where the person lives. Never on Sundays, holidays and the company's days of rest.
        """
        here, window = self._here(channel, state, now)
        return window is not None and window[0] <= here.time() < window[1]

    def opens_later(self, channel: str, state: str | None, now: datetime) -> bool:
        """Whether that hour is still to come on the same day."""
        here, window = self._here(channel, state, now)
        return window is not None and here.time() < window[0]

    def _here(self, channel: str, state: str | None, now: datetime) -> tuple[datetime, tuple[time, time] | None]:
        """The time on the wall there, and that day's hours."""
        here = now.astimezone(OTHER_ZONES.get(state or "", TIME_ZONE))
        wanted = channel, state, here.date()
        if wanted not in self._windows:
            self._windows[wanted] = self._window(*wanted)
        return here, self._windows[wanted]

    def _window(self, channel: str, state: str | None, day: date) -> tuple[time, time] | None:
        if day.weekday() == SUNDAY or day in bank_holidays(day.year) or self._rests(state, day):
            return None
        kind = "saturday" if day.weekday() == SATURDAY else "weekday"
        rows = {row.state: row for row in self._policy.message_hours if row.channel == channel and row.day_kind == kind}
        row = rows.get(state or NATIONAL) or rows.get(NATIONAL)
        if row:
            return row.starts_at, row.ends_at
        if channel == "email" and kind == "weekday":
            return self._policy.limits.email_window.starts, self._policy.limits.email_window.ends
        return None

    def _rests(self, state: str | None, day: date) -> bool:
        places = (NATIONAL, state)
        return any(off.place in places and day in off.days(day.year, day.year) for off in self._policy.extra_holidays)


def is_today(business_date: date, clock: Callable[[], datetime]) -> bool:
    """Whether that date is the one on the calendar of São Paulo; otherwise it is past.

    Raises:
        DeliveryRefused: it is in the future.
    """
    today = clock().astimezone(TIME_ZONE).date()
    if business_date > today:
        raise DeliveryRefused(
            f"{business_date} is in the future (today is {today} in São Paulo): nothing was planned or sent. "
            "Run that date when it comes, or look at the messages with COBRANCA_DELIVERY=outbox and another COBRANCA_LEDGER."
        )
    return business_date == today


def now_here() -> datetime:
    """This moment, by the machine's clock."""
    return datetime.now(TIME_ZONE)
