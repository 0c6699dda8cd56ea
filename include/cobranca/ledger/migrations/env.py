"""Alembic's entry point. The connection is always given by ``cobranca.ledger.engine.migrate``."""

from alembic import context

from cobranca.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
