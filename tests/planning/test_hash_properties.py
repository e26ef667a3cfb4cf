"""What changes a plan's hash and what does not, over a corpus of flows by another hand."""

from __future__ import annotations

import ast
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from govflow.ir.hashing import plan_hash
from govflow.planning.planner import PlannedFlow, plan_flow
from govflow.planning.source import MemoryTree

CORPUS = Path(__file__).parents[1] / "conform" / "flows"
FILES = {path.relative_to(CORPUS).as_posix(): path.read_text() for path in sorted(CORPUS.rglob("*.py"))}
FLOWS = [(str(entry["file"]), str(entry["flow"])) for entry in json.loads((CORPUS / "corpus.json").read_text())]
IDS = [":".join(flow) for flow in FLOWS]
flows = st.sampled_from(FLOWS)
seeds = st.integers(0, 2**32)


def planned(flow: tuple[str, str], **changed: str) -> PlannedFlow:
    return plan_flow(MemoryTree(FILES | changed), *flow)


def digest(flow: tuple[str, str], change: Callable[[str], str] | None = None) -> str:
    """Hash of the plan; ``change`` rewrites every file of the corpus."""
    files = {} if change is None else {name: change(text) for name, text in FILES.items() if _beside(name, flow[0])}
    return plan_hash(planned(flow, **files).plan)


def _beside(name: str, file: str) -> bool:
    return name == file or ("/" in file and name.startswith(file.split("/", maxsplit=1)[0] + "/"))


# noise


def reformatted(text: str) -> str:
    return ast.unparse(ast.parse(text))


def commented(text: str) -> str:
    lines = text.splitlines()
    tree = ast.parse(text)
    starts = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    starts -= {line for node in ast.walk(tree) if isinstance(node, ast.Constant) for line in _inside(node)}
    out = ["# moved down", "", ""]
    for number, line in enumerate(lines, 1):
        if number in starts:
            out += [line[: len(line) - len(line.lstrip())] + "# why", ""]
        out.append(line)
    return "\n".join(out) + "\n"


def _inside(node: ast.Constant) -> range:
    return range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)


def redocumented(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if ast.get_docstring(node) is not None:
                node.body.pop(0)
            node.body.insert(0, ast.Expr(ast.Constant("Said otherwise.")))
    return ast.unparse(ast.fix_missing_locations(tree))


def renamed(text: str) -> str:
    """Local variables of functions get other names, where a name means one thing in the whole file.

    What a task inside a flow reads of the flow is known to its digest by name (docs/planning.md): not those.
    """
    tree = ast.parse(text)
    taken: Counter[str] = Counter()
    local: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                taken[node.name] += 1
                taken.update(arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg))
                local.update(n.id for n in _own(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
                inner = [n for n in _own(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
                taken.update(n.id for function in inner for n in _own(function) if isinstance(n, ast.Name))
            case ast.Lambda():
                taken.update(arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg))
            case ast.ClassDef(name=name):
                taken[name] += 1
                taken.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                taken.update(names)
            case ast.alias(name=name, asname=asname):
                taken[asname or name.split(".")[0]] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                taken[name] += 1
            case ast.MatchMapping(rest=str(name)):
                taken[name] += 1
    for statement in tree.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            taken.update(n.id for n in ast.walk(statement) if isinstance(n, ast.Name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in local and not taken[node.id]:
            node.id = f"{node.id}_by_another_name"
    return ast.unparse(tree)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef):
            yield child
            yield from _own(child)


def reordered(text: str, seed: int) -> str:
    """Imports at the top change places."""
    tree = ast.parse(text)
    blocks: list[list[int]] = [[]]
    for index, statement in enumerate(tree.body):
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if isinstance(statement, ast.Import | ast.ImportFrom) and not future:
            blocks[-1].append(index)
        else:
            blocks.append([])
    for block in blocks:
        mixed = random.Random(seed).sample(block, len(block))
        for index, statement in zip(block, [tree.body[other] for other in mixed], strict=True):
            tree.body[index] = statement
    return ast.unparse(tree)


@pytest.mark.parametrize("change", [reformatted, commented, redocumented, renamed], ids=lambda change: change.__name__)
@pytest.mark.parametrize("flow", FLOWS, ids=IDS)
def test_noise_does_not_change_a_hash(flow: tuple[str, str], change: Callable[[str], str]) -> None:
    assert digest(flow, change) == digest(flow)


@given(flows, seeds)
def test_the_order_of_imports_does_not_change_a_hash(flow: tuple[str, str], seed: int) -> None:
    assert digest(flow, lambda text: reordered(text, seed)) == digest(flow)


# meaning


def _bodies(flow: tuple[str, str]) -> list[tuple[str, ast.Module, Any]]:
    """Functions that the plan was read from, each in a fresh tree of its file."""
    folder = flow[0].rpartition("/")[0]
    found = []
    for ref in planned(flow).functions:
        path = (Path(folder) / ref.file).as_posix() if folder else ref.file
        tree = ast.parse(FILES[path])
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
                if first == ref.line and node.name == ref.qualname.rpartition(".")[2]:
                    found.append((path, tree, node))
    return found


def _constants(function: ast.FunctionDef) -> list[ast.Constant]:
    """Constants that the body uses: no text that stands alone, nothing of an annotation or of an inner signature."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.update(ast.walk(node))
        if isinstance(node, ast.AnnAssign):
            skipped.update(ast.walk(node.annotation))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            skipped.update(ast.walk(node.returns))
        if isinstance(node, ast.arg) and node.annotation is not None:
            skipped.update(ast.walk(node.annotation))
    body = [node for statement in function.body for node in ast.walk(statement)]
    return [
        node
        for node in body
        if isinstance(node, ast.Constant) and type(node.value) in (int, str, float) and node not in skipped
    ]


@given(flows, st.data())
def test_a_changed_constant_or_text_of_a_body_changes_the_hash(flow: tuple[str, str], data: st.DataObject) -> None:
    bodies = [(path, tree, node) for path, tree, node in _bodies(flow) if _constants(node)]
    assume(bodies)
    path, tree, function = data.draw(st.sampled_from(bodies))
    constant = data.draw(st.sampled_from(_constants(function)))
    old = constant.value
    constant.value = f"{old}_x" if isinstance(old, str) else old + 1 if isinstance(old, int | float) else None
    assert plan_hash(planned(flow, **{path: ast.unparse(tree)}).plan) != digest(flow), ast.unparse(constant)


@given(flows, st.data())
def test_a_statement_more_in_a_body_changes_the_hash(flow: tuple[str, str], data: st.DataObject) -> None:
    bodies = _bodies(flow)
    assume(bodies)
    path, tree, function = data.draw(st.sampled_from(bodies))
    function.body.insert(0, ast.parse("print(1)").body[0])
    changed = ast.unparse(ast.fix_missing_locations(tree))
    assert plan_hash(planned(flow, **{path: changed}).plan) != digest(flow)


@given(flows, st.sampled_from(["retries", "timeout_seconds", "persist_result", "cache_policy"]), st.data())
def test_an_option_that_governs_changes_the_hash(flow: tuple[str, str], option: str, data: st.DataObject) -> None:
    decorated = [
        (path, tree, node, index)
        for path, tree, node in _bodies(flow)
        for index, item in enumerate(node.decorator_list)
        if ast.unparse(item).partition("(")[0] in ("task", "flow")
        and not (isinstance(item, ast.Call) and any(word.arg in (option, None) for word in item.keywords))
    ]
    assume(decorated)
    path, tree, function, index = data.draw(st.sampled_from(decorated))
    item = function.decorator_list[index]
    assume(option != "cache_policy" or ast.unparse(item).startswith("task"))
    call = item if isinstance(item, ast.Call) else ast.Call(item, [], [])
    call.keywords.append(ast.keyword(option, ast.parse("7", mode="eval").body))
    function.decorator_list[index] = call
    changed = ast.unparse(ast.fix_missing_locations(tree))
    assert plan_hash(planned(flow, **{path: changed}).plan) != digest(flow)
