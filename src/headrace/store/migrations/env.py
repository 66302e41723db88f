"""How Alembic runs the migrations: in the transaction that the caller has begun."""

from __future__ import annotations

from alembic import context

from headrace.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
