"""The company's clock: business dates, landed times and messages all follow Brasília's time.

A payer in a state with another clock is written to by that clock; see
``cobranca.reminders.plan.contact_hours``.
"""

from zoneinfo import ZoneInfo

TIME_ZONE_NAME = "America/Sao_Paulo"
TIME_ZONE = ZoneInfo(TIME_ZONE_NAME)
