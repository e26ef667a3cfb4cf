"""Where everything durable lies: the audit log, approvals, tokens, approved plans, runs. The only room with SQL."""

from govflow.store.store import Store

__all__ = ["Store"]
