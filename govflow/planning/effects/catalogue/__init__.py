"""The catalogue of effects: what calls of well-known libraries do to the world. Data, with the source of each entry.

Example::

    catalogue = Catalogue.default().extended(text, "effects.yaml")
    call = catalogue.find("aws-client(s3).delete_object")
    call.action, call.provider  # "file:delete", "s3"
    fill(call.resource, {"Bucket": "sales", "Key": None})  # "s3://sales/{?}"

docs/effects-catalogue.md explains the format.
"""

from govflow.planning.effects.catalogue.entries import Call, ObjectType
from govflow.planning.effects.catalogue.lookup import Catalogue
from govflow.planning.effects.catalogue.templates import UNKNOWN, fill

__all__ = ["UNKNOWN", "Call", "Catalogue", "ObjectType", "fill"]
