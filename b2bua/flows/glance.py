"""A look at the numbers and flows of a database that is left as it is: not made, and not brought up to date."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from b2bua.flows.numbers import KeptNumber, NumberStore
from b2bua.flows.versions import DRAFT
from b2bua.store import StoreError, schema
from b2bua.store.opening import engine_for, file_of, said


class Glance(NamedTuple):
    """numbers: those of the database; published: names of the flows that calls can go through."""

    numbers: tuple[KeptNumber, ...]
    published: frozenset[str]


async def glance(database: str) -> Glance | None:
    """What there is; None where there is no database, or one without flows. Raises StoreError."""
    file = file_of(database)
    if file is not None and not file.exists():
        return None
    engine = engine_for(database)
    try:
        async with engine.connect() as connection:
            tables = await connection.run_sync(_tables)
            if schema.flow_version.name not in tables:
                return None
            column = schema.flow_version.c
            query = select(column.flow).where(column.version > DRAFT).distinct()
            published = frozenset((await connection.execute(query)).scalars())
        has_numbers = schema.number.name in tables  # one of before 0009 has not
        numbers = await NumberStore(engine).all() if has_numbers else ()
    except SQLAlchemyError as problem:
        raise StoreError(f"{database} cannot be looked into: {said(problem)}") from problem
    finally:
        await engine.dispose()
    return Glance(tuple(numbers), published)


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())
