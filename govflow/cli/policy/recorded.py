"""``govflow policy simulate`` and ``replay``: a policy held against decisions that were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def simulate(
    candidate: Path,
    /,
    *,
    records: str | None = None,
    tenant: str | None = None,
    shadow: bool = False,
    fail_on: Literal["any", "denied", "never"] = "any",
    limit: int = 5,
    format: Literal["text", "json", "md"] = "text",
    output: Path | None = None,
) -> int:
    """Hold a candidate policy against recorded decisions: what would be newly denied, paused or allowed.

    Reads the audit log, or a file of recorded decisions. Where the candidate reads what was not recorded, or what was
    erased, and the answer hangs on it, the decision counts as one that cannot be judged: nothing is guessed.

    Exit code 0: no decision would change. 1: some would (`--fail-on` says which count). 2: nothing could be
    compared, since there is no decision or none could be judged.

    Examples, one a line:

    - `govflow policy simulate candidate.yaml`
    - `govflow policy simulate candidate.yaml --records decisions.jsonl --fail-on denied --format md`
    - `govflow policy simulate policy.yaml --shadow`

    Args:
        candidate: the policy file to try.
        records: a file of recorded decisions (`*.jsonl`), or another database, as a URL or a file.
        tenant: the log of this tenant.
        shadow: let the candidate's shadow and advisory rules decide, to see what they would have done.
        fail_on: which changes give exit code 1: any, only newly denied and newly paused (denied), or none (never).
        limit: how many examples of each change.
        format: text for people, md for pull requests, json for programs.
        output: write the report to this file.
    """
    from govflow.cli.output import counting
    from govflow.cli.policy.chosen import document_of
    from govflow.policy import Engine
    from govflow.services.recorded_decisions import recorded_decisions
    from govflow.services.simulate_policy import Change, shadow_deciding
    from govflow.services.simulate_policy import simulate as held
    from govflow.settings import load_settings

    document = document_of(candidate)
    engine = Engine(shadow_deciding(document) if shadow else document)
    with recorded_decisions(load_settings(), records, tenant) as found, counting("judging") as told:
        simulation = held(engine, found, examples=limit, progress=lambda done: told(done, None), altered=shadow)
    name = f"{document.policy.name} ({candidate})" + (" with its shadow rules deciding" if shadow else "")
    _deliver(simulation, name, format, output, same=False)
    groups = simulation.groups
    if fail_on != "never" and simulation.records == groups[Change.UNJUDGED].count:
        return 2  # a gate that compared nothing is no gate
    stricter = groups[Change.DENIED].count + groups[Change.PAUSED].count
    return int(bool({"any": simulation.changed, "denied": stricter, "never": 0}[fail_on]))


def replay(
    records: str | None = None,
    /,
    *,
    policy: Path | None = None,
    tenant: str | None = None,
    export: Path | None = None,
    limit: int = 5,
    format: Literal["text", "json", "md"] = "text",
    output: Path | None = None,
) -> int:
    """Decide recorded decisions once more by their own policy: each has to come out as it was recorded.

    Decisions of other policies are counted and left out: give each policy its file. A decision that comes out
    otherwise was changed in the log, or was made by a govflow that decided otherwise.

    Exit code 0: all that could be judged is as recorded. 1: a decision is not, or none could be judged.

    Examples, one a line:

    - `govflow policy replay`
    - `govflow policy replay copy-of-govflow.db --policy policy.yaml`
    - `govflow policy replay --export decisions.jsonl`

    Args:
        records: a file of recorded decisions (`*.jsonl`), or another database, as a URL or a file.
        policy: the policy that decided, if it is not the configured one.
        tenant: the log of this tenant.
        export: write all recorded decisions to this file, one JSON object a line, to try policies on elsewhere.
        limit: how many examples of each difference.
        format: text for people, md for pull requests, json for programs.
        output: write the report to this file.
    """
    from govflow.cli.output import counting
    from govflow.services.recorded_decisions import recorded_decisions
    from govflow.services.recorded_files import write_recorded
    from govflow.services.simulate_policy import Change
    from govflow.services.simulate_policy import replay as replayed
    from govflow.services.workspace import open_workspace
    from govflow.settings import load_settings

    settings = load_settings(policy=policy)
    workspace = open_workspace(settings)
    with recorded_decisions(settings, records, tenant) as found, counting("replaying") as told:
        source = found if export is None else write_recorded(export, found)
        simulation = replayed(workspace.engine, source, examples=limit, progress=lambda done: told(done, None))
    _deliver(simulation, f"{workspace.document.policy.name} ({workspace.document.where})", format, output, same=True)
    return int(simulation.changed > 0 or simulation.records == simulation.groups[Change.UNJUDGED].count)


def _deliver(simulation: object, policy: str, format: str, output: Path | None, *, same: bool) -> None:
    from govflow.cli.output import deliver, json_text
    from govflow.services.describe.simulations import simulation_json, simulation_markdown, simulation_text
    from govflow.services.simulate_policy import Simulation
    from govflow.telemetry import redact, redact_text

    assert isinstance(simulation, Simulation)
    if format == "json":
        deliver(json_text(redact(simulation_json(simulation, policy, same=same), depth=20)), output)
    else:
        told = simulation_markdown if format == "md" else simulation_text
        deliver("\n".join(map(redact_text, told(simulation, policy, same=same).splitlines())), output)
