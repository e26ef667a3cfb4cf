"""``govflow policy``: one file for each command, which adds itself here."""

from __future__ import annotations

from cyclopts import App

from govflow.cli.policy import cedar, signing
from govflow.cli.policy.cases import judge_cases
from govflow.cli.policy.diff import diff
from govflow.cli.policy.explain import explain
from govflow.cli.policy.layout import fmt
from govflow.cli.policy.lint import lint
from govflow.cli.policy.packs import packs
from govflow.cli.policy.recorded import replay, simulate

app = App(
    name="policy",
    help="Test, check, explain, compare and sign policies.",
    help_format="markdown",
    help_epilogue="",
)

app.command(judge_cases, name="test")
app.command(signing.keygen)
app.command(signing.bundle)
app.command(signing.verify)
app.command(packs)
app.command(cedar.export_policy, name="export-cedar")
app.command(cedar.import_policy, name="import-cedar")
app.command(lint)
app.command(simulate)
app.command(replay)
app.command(explain)
app.command(fmt)
app.command(diff)
