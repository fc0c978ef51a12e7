"""What alembic runs: on the connection that the store hands it, or on the URL of ``alembic -x url=…``."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from b2bua.store.schema import metadata


def migrate(connection: Connection) -> None:
    # SQLite cannot alter most of a table: alembic makes a new one and moves the rows.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
    with engine.connect() as own_connection:
        migrate(own_connection)
    engine.dispose()
