"""The version of the database's schema: reading it fast, bringing it up to date, refusing a newer one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect

from govflow.errors import SchemaNewer

VERSION_TABLE: Final = "govflow_alembic_version"
HEAD: Final = "0013"
"""The newest revision in ``migrations/versions``. A constant, so that opening a current database needs no alembic."""


def revision_of(connection: Connection) -> str | None:
    """The revision that the database says it has; ``None`` if it has none of our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one_or_none()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> bool:
    """Bring the database to :data:`HEAD`, inside the transaction that the caller holds; whether there was work to do.

    Raises:
        SchemaNewer: the database has a revision that this version does not know.
    """
    found = revision_of(connection)
    if found == HEAD:
        return False
    # Half a second of imports, needed only when there is something to migrate.
    from alembic import command  # see above
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaNewer(
            f"The database has schema revision {found}; this govflow knows revisions up to {HEAD}.",
            mend="Use the govflow version that wrote it, or a newer one.",
            details={"found": found, "known": HEAD},
        )
    command.upgrade(config, "head")
    return True
