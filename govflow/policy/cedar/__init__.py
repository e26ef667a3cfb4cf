"""Cedar: our rules as Cedar policies, Cedar policies as our rules, and Cedar's own engine behind our protocol.

    text = export_cedar(load_policy(...))          # for teams that have Cedar and its analyser
    document = import_cedar(text, name="acme")     # a policy document, or an error that names what it cannot hold
    CedarEngine(text).decide(request)              # Cedar evaluates, the law of this room decides

Needs the extra ``govflow[cedar]``. ``docs/policy.md`` says how the words of both correspond.
"""

from govflow.policy.cedar.engine import CedarEngine
from govflow.policy.cedar.exporting import export_cedar
from govflow.policy.cedar.importing import import_cedar

__all__ = ["CedarEngine", "export_cedar", "import_cedar"]
