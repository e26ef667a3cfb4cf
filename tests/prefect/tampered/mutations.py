"""Ways to change a flow's source, drawn by seed: those that change what it does, and those that do not."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Files = dict[str, str]
Change = Callable[[ast.Module, random.Random], bool]
"""Changes a tree and says whether it found something to change."""

STEPS = ("extract", "transform", "load", "note", "spare", "keyed", "fetch", "outer", "child")


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def main(tree: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef:
    return next(node for node in functions(tree) if node.name == "main")


def called_functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Tasks and subflows that a run may come to."""
    known = {fn.name: fn for fn in functions(tree)}
    reached, waiting = set[str](), ["main"]
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached:
            reached.add(name)
            waiting.extend(node.id for node in ast.walk(known[name]) if isinstance(node, ast.Name))
    return [known[name] for name in known if name in reached and name in STEPS]


def calls(tree: ast.Module) -> list[ast.Call]:
    """Calls of steps by their own name in the flow's body."""
    found = (node for node in ast.walk(main(tree)) if isinstance(node, ast.Call))
    return [node for node in found if isinstance(node.func, ast.Name) and node.func.id in STEPS]


def decorator(fn: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call:
    """The decorator as a call, made one if need be."""
    first = fn.decorator_list[0]
    if not isinstance(first, ast.Call):
        first = ast.Call(first, [], [])
        fn.decorator_list[0] = first
    return first


def say(call: ast.Call, name: str, value: str) -> None:
    call.keywords = [item for item in call.keywords if item.arg != name]
    call.keywords.append(ast.keyword(name, ast.parse(value, mode="eval").body))


def step_added(tree: ast.Module, rng: random.Random) -> bool:
    body = main(tree).body
    body.insert(rng.randrange(len(body)), ast.parse("spare()").body[0])
    return True


def step_removed(tree: ast.Module, rng: random.Random) -> bool:
    body = main(tree).body
    places = [at for at, item in enumerate(body) if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call)]
    if not places:
        return False
    del body[rng.choice(places)]
    return True


def step_swapped(tree: ast.Module, rng: random.Random) -> bool:
    found = calls(tree)
    if not found:
        return False
    chosen = rng.choice(found)
    chosen.func = ast.Name("spare", ast.Load())
    chosen.args = chosen.args[:1]
    return True


def rewired(tree: ast.Module, rng: random.Random) -> bool:
    found = [call for call in calls(tree) if call.args and isinstance(call.args[0], (ast.Name, ast.Call))]
    if not found:
        return False
    rng.choice(found).args[0] = ast.parse("[666]", mode="eval").body
    return True


def body_changed(tree: ast.Module, rng: random.Random) -> bool:
    rng.choice(called_functions(tree)).body.insert(0, ast.parse('trace("TAMPERED")').body[0])
    return True


def flow_body_changed(tree: ast.Module, rng: random.Random) -> bool:
    main(tree).body.insert(0, ast.parse('trace("TAMPERED")').body[0])
    return True


def helper_changed(tree: ast.Module, rng: random.Random) -> bool:
    if any(fn.name == "main" for fn in functions(tree)) and "transform" not in {
        fn.name for fn in called_functions(tree)
    }:
        return False  # nothing calls the helper there
    helper = next(fn for fn in functions(tree) if fn.name in ("clean", "shown"))
    helper.body.insert(0, ast.parse('trace("TAMPERED")').body[0])
    return True


def method_changed(tree: ast.Module, rng: random.Random) -> bool:
    scale = next((node for node in tree.body if isinstance(node, ast.ClassDef)), None)
    if scale is None:
        return False
    method = scale.body[0]
    assert isinstance(method, ast.FunctionDef)
    method.body.insert(0, ast.parse("rows = [666]").body[0])
    return True


def constant_changed(tree: ast.Module, rng: random.Random) -> bool:
    named = {node.id for fn in functions(tree) for node in ast.walk(fn) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in named:
            if node.targets[0].id == "ROUNDS":
                continue
            node.value = ast.Constant("tampered" if node.targets[0].id == "TABLE" else 666)
            return True
    return False


def argument_changed(tree: ast.Module, rng: random.Random) -> bool:
    found = [call for call in calls(tree) if call.args and isinstance(call.args[0], ast.Constant)]
    if not found:
        return False
    rng.choice(found).args[0] = ast.Constant("tampered")
    return True


def action_changed(tree: ast.Module, rng: random.Random) -> bool:
    say(decorator(rng.choice(called_functions(tree))), "action", "'data:drop'")
    return True


def resource_changed(tree: ast.Module, rng: random.Random) -> bool:
    say(decorator(rng.choice(called_functions(tree))), "resource", "'table://salaries'")
    return True


def bound_raised(tree: ast.Module, rng: random.Random) -> bool:
    for node in ast.walk(main(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            node.args = [ast.Constant(30)]
            return True
    return False


def list_grown(tree: ast.Module, rng: random.Random) -> bool:
    for node in ast.walk(main(tree)):
        if isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.iter, ast.Tuple):
            node.iter.elts.append(ast.Constant(666))
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "map":
            assert isinstance(node.args[0], ast.List)
            node.args[0].elts.append(ast.parse("[666]", mode="eval").body)
            return True
    return False


def decorator_dropped(tree: ast.Module, rng: random.Random) -> bool:
    found = [fn for fn in called_functions(tree) if fn.name in {getattr(call.func, "id", "") for call in calls(tree)}]
    if not found:
        return False
    rng.choice(found).decorator_list.clear()
    return True


def import_redirected(tree: ast.Module, rng: random.Random) -> bool:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "library":
            for alias in node.names:
                if alias.name == "clean":
                    alias.name, alias.asname = "widen", "clean"
                    return True
    return False


def default_changed(tree: ast.Module, rng: random.Random) -> bool:
    found = [fn for fn in called_functions(tree) if fn.args.defaults]
    if not found:
        return False
    rng.choice(found).args.defaults[-1] = ast.Constant(666)
    return True


def retries_raised(tree: ast.Module, rng: random.Random) -> bool:
    say(decorator(rng.choice(called_functions(tree))), "retries", "9")
    return True


def hook_added(tree: ast.Module, rng: random.Random) -> bool:
    say(decorator(rng.choice(called_functions(tree))), "on_completion", "[lambda *_: trace('TAMPERED')]")
    return True


def flow_hook_added(tree: ast.Module, rng: random.Random) -> bool:
    say(decorator(main(tree)), "on_running", "[spare_hook]")
    tree.body.insert(tree.body.index(main(tree)), ast.parse("def spare_hook(*_):\n    return None").body[0])
    return True


def cache_key_changed(tree: ast.Module, rng: random.Random) -> bool:
    tasks = [fn for fn in called_functions(tree) if fn.name != "child"]
    say(decorator(rng.choice(tasks)), "cache_key_fn", "lambda *_: trace('TAMPERED')")
    return True


def wait_dropped(tree: ast.Module, rng: random.Random) -> bool:
    for node in ast.walk(main(tree)):
        if isinstance(node, ast.Call) and any(item.arg == "wait_for" for item in node.keywords):
            node.keywords = [item for item in node.keywords if item.arg != "wait_for"]
            return True
    return False


def subflow_replaced(tree: ast.Module, rng: random.Random) -> bool:
    for call in calls(tree):
        if isinstance(call.func, ast.Name) and call.func.id == "child":
            call.func.id = "other"
            return True
    return False


def order_changed(tree: ast.Module, rng: random.Random) -> bool:
    body = main(tree).body
    places = [at for at, item in enumerate(body[:-1]) if isinstance(item, ast.Expr | ast.For)]
    if len(places) < 2:
        return False
    first, second = places[0], places[1]
    body[first], body[second] = body[second], body[first]
    return True


@dataclass(frozen=True)
class Operator:
    """One way to change a file."""

    name: str
    change: Change
    file: str = "flow.py"

    def __call__(self, files: Files, rng: random.Random) -> Files | None:
        """The files with the change; None where there is nothing for it to change."""
        if self.file == "library.py" and "transform" not in {
            fn.name for fn in called_functions(ast.parse(files["flow.py"]))
        }:
            return None  # nothing reads it there
        tree = ast.parse(files[self.file])
        if not self.change(tree, rng):
            return None
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        return None if text == ast.unparse(ast.parse(files[self.file])) + "\n" else {**files, self.file: text}


ON_DISK: Sequence[Operator] = (
    *(
        Operator(change.__name__, change)
        for change in (
            *(step_added, step_removed, step_swapped, rewired, body_changed, flow_body_changed, helper_changed),
            *(constant_changed, argument_changed, action_changed, resource_changed, bound_raised, list_grown),
            *(decorator_dropped, import_redirected, default_changed, retries_raised, hook_added, flow_hook_added),
            *(cache_key_changed, wait_dropped, subflow_replaced, order_changed),
        )
    ),
    Operator("library_helper_changed", helper_changed, "library.py"),
    Operator("library_method_changed", method_changed, "library.py"),
    Operator("library_constant_changed", constant_changed, "library.py"),
)


# --- what changes nothing ---------------------------------------------------------------------------------------------


def comments(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    for _ in range(4):
        lines.insert(rng.randrange(2, len(lines)), "# " + "".join(rng.choices("abc def", k=12)))
    return "\n".join(lines) + "\n"


def reformatted(text: str, rng: random.Random) -> str:
    return ast.unparse(ast.parse(text)) + "\n"


def blank_lines(text: str, rng: random.Random) -> str:
    return text.replace("\n@", "\n" * rng.randint(2, 6) + "@")


def moved_down(text: str, rng: random.Random) -> str:
    return "\n" * rng.randint(1, 40) + text


def docstrings(text: str, rng: random.Random) -> str:
    tree = ast.parse(text)
    for fn in functions(tree):
        if rng.random() < 0.7:
            fn.body.insert(0, ast.Expr(ast.Constant(f"What {fn.name} does, in words {rng.randint(1, 99)}.")))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def locals_renamed(text: str, rng: random.Random) -> str:
    tree = ast.parse(text)
    names = {"better": "good", "first": "one", "second": "two", "done": "finished", "at": "place", "fast": "quick"}

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            node.id = names.get(node.id, node.id)
            return node

    Rename().visit(main(tree))
    return ast.unparse(tree) + "\n"


def imports_reordered(text: str, rng: random.Random) -> str:
    return text.replace("NAMES, Scale, clean, widen", "widen, clean, Scale, NAMES")


def function_added(text: str, rng: random.Random) -> str:
    return text + f"\n\ndef nobody_calls_{rng.randint(1, 99)}(x):\n    return x + 1\n"


def quotes(text: str, rng: random.Random) -> str:
    return text.replace('"monday"', "'monday'").replace('"north"', "'north'").replace('"done"', "'done'")


HARMLESS: Sequence[Callable[[str, random.Random], str]] = (
    *(comments, reformatted, blank_lines, moved_down, docstrings, locals_renamed, imports_reordered),
    *(function_added, quotes),
)
