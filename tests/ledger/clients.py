"""All clients of one ledger, for tests with several callers."""

import sqlalchemy as sa

from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_planning import ContactPlanner
from cobranca.ledger.contact_worker import ContactWorker
from cobranca.ledger.lease_recovery import LeaseRecovery
from cobranca.ledger.provider_outcomes import ProviderOutcomes
from cobranca.ledger.run_log import RunLog
from cobranca.ledger.scheduled_batches import ScheduledContacts
from cobranca.ledger.switches import Switches


class LedgerClients:
    """One client of each class; ``options`` go to each."""

    def __init__(self, engine: sa.Engine, **options):
        self.engine = engine
        self.planner = ContactPlanner(engine, **options)
        self.worker = ContactWorker(engine, **options)
        self.lookups = ContactLookups(engine, **options)
        self.recovery = LeaseRecovery(engine, **options)
        self.outcomes = ProviderOutcomes(engine, **options)
        self.scheduled = ScheduledContacts(engine, **options)
        self.switches = Switches(engine, **options)
        self.run_log = RunLog(engine, **options)
