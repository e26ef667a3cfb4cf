"""``python -m govflow.policy`` prints the JSON Schema of policy files, for editors."""

from govflow.policy.schema import schema_text

print(schema_text(), end="")
