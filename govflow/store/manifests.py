"""Manifests of plans, by their digest. One is the same for every run of the same code, and is written once."""

from __future__ import annotations

from sqlalchemy import insert, select

from govflow.ir.manifest import Manifest
from govflow.store.engine import Database
from govflow.store.tables import RUN_MANIFEST as MANIFEST
from govflow.store.writer import Writer


class Manifests:
    """What other processes rebuild a run from. A permit names the digest; who reads checks it."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def save(self, digest: str, document: str) -> None:
        """Keep a manifest; one that is there stays as it is."""
        if self.get(digest) is not None:
            return
        with self._writer.transaction() as transaction:
            known = select(MANIFEST.c.digest).where(MANIFEST.c.digest == digest)
            if transaction.connection.execute(known).first() is None:
                transaction.connection.execute(insert(MANIFEST).values(digest=digest, document=document))

    def get(self, digest: str) -> Manifest | None:
        """The manifest of that digest; None if there is none.

        Raises:
            PermitInvalid: what stands there is another one.
        """
        statement = select(MANIFEST.c.document).where(MANIFEST.c.digest == digest)
        with self._db.reading() as connection:
            found = connection.execute(statement).scalar()
        return None if found is None else Manifest.read(str(found), digest)
