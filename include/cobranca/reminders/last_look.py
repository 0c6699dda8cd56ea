"""The last look: the sources are asked, just before sending, what has been paid since the plan was made."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from cobranca.errors import CobrancaError
from cobranca.reminders.messages import Message
from cobranca.settings import Settings

log = logging.getLogger(__name__)

PAID_MEANWHILE = "pagamento identificado antes do envio"


@dataclass
class Seen:
    """Messages by what the last look found; ``held`` maps a key to its reason."""

    ready: list[Message] = field(default_factory=list)
    paid: list[Message] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)


class LastLook:
    """Asks each source once for all receivables of a batch of messages. A source that failed is not asked again."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._down: set[str] = set()

    def __call__(self, messages: Sequence[Message]) -> Seen:
        """Sort messages: ready, paid meanwhile (more was paid than the plan knew), or held because a source is silent."""
        wanted = defaultdict(set)
        for message in messages:
            for item in message.items:
                wanted[item.source].add(item.receivable_id)
        paid = {source: self._ask(source, sorted(ids)) for source, ids in wanted.items() if source not in self._down}
        seen = Seen()
        for message in messages:
            silent = sorted({item.source for item in message.items} & self._down)
            if silent:
                seen.held[message.message_key] = f"a fonte {silent[0]} não respondeu à última consulta"
            elif any(paid[item.source].get(item.receivable_id, 0) > item.paid for item in message.items):
                seen.paid.append(message)
            else:
                seen.ready.append(message)
        return seen

    def _ask(self, source: str, receivable_ids: list[str]) -> dict:
        from cobranca.landing import paid_now

        try:
            return paid_now(self._settings, source, receivable_ids)
        except CobrancaError as error:
            log.error("source %s did not answer the last look; its messages are held: %s", source, error)
            self._down.add(source)
            return {}
