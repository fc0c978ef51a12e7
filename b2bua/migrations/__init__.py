"""Migrations of the call record, run by alembic when the service starts."""
