"""What only Postgres needs before callmart writes to it: one writer at a time, and the rights to write.

The home's lock keeps out only those who share the home. This one is Postgres' own, an advisory lock of the session: it
ends with the connection, and with a process that is killed, once the statement it was at has ended.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipelines.errors import ConfigurationError, LockedError

_KEY = int.from_bytes(b"callmart", "big")
"""Advisory locks are numbers, each database's own."""
_TIMEOUT_SECONDS = 3  # the statement of a killed run may still be at work
_LOCK_NOT_AVAILABLE = "55P03"
_HOLDER = """
select
    'from ' || coalesce(host(sessions.client_addr), 'the server itself')
    || ', since ' || to_char(sessions.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
from pg_locks as locks
inner join pg_stat_activity as sessions on locks.pid = sessions.pid
where
    locks.locktype = 'advisory'
    and locks.granted
    and locks.classid = :high
    and locks.objid = :low
    and locks.database = (select oid from pg_database where datname = current_database())
"""
_SCHEMAS = ("ccaip", "ccaip_staging", "seeds", "staging", "intermediate", "marts", "history")
_RIGHTS = """
select
    current_user,
    current_database(),
    has_database_privilege(current_database(), 'create') as may_create_schemas,
    schemas.nspname as schema_name,
    pg_get_userbyid(schemas.nspowner) as schema_owner
from (select 1) as one
left join pg_namespace as schemas
    on schemas.nspname = any(:schemas) and not has_schema_privilege(schemas.oid, 'create')
"""


def begin_writing(connection: Connection, warehouse: str) -> None:
    """Take the lock for as long as the connection lasts, and see that the user may write.

    `warehouse` names the database in messages. Raises `LockedError` when another connection has the lock,
    `ConfigurationError` when a right is missing; the connection is closed then.
    """
    try:
        _hold(connection, warehouse)
        _check_rights(connection, warehouse)
    except BaseException:
        connection.close()
        raise


def _check_rights(connection: Connection, warehouse: str) -> None:
    user, database, may_create, schema, owner = connection.execute(
        text(_RIGHTS), {"schemas": list(_SCHEMAS)}
    ).all()[0]
    connection.commit()
    if schema is not None:
        raise ConfigurationError(
            f"The schema {schema} of {warehouse} belongs to {owner}, and {user} may not write there: nothing was changed.",
            f"Take another database, or, if the schema is callmart's: `grant usage, create on schema {schema} to {user}`.",
        )
    if not may_create:
        raise ConfigurationError(
            f"The user {user} may not create schemas in {warehouse}: nothing was changed.",
            f"As its owner: `grant create on database {database} to {user}`. docs/destinations.md has a role for loads.",
        )


def _hold(connection: Connection, warehouse: str) -> None:
    try:
        connection.execute(text(f"set local lock_timeout = '{_TIMEOUT_SECONDS}s'"))
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": _KEY})
        connection.commit()
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        connection.rollback()
        holder = connection.execute(text(_HOLDER), {"high": _KEY >> 32, "low": _KEY & 0xFFFFFFFF}).scalar()
        raise LockedError(
            f"Another callmart writes to {warehouse}{f' ({holder})' if holder else ''}.",
            "Wait until it has ended and run this again; a scheduler can simply try at its next turn "
            "(nothing was changed).",
        ) from None
