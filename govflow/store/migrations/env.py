"""Runs revisions over the connection that :mod:`govflow.store.schema` hands over, inside its transaction."""

from alembic import context

from govflow.store.schema import VERSION_TABLE
from govflow.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
with context.begin_transaction():
    context.run_migrations()
