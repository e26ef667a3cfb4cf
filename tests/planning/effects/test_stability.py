"""What changes no effect: formatting, names of local variables, where things stand, reading twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.hashing import effects_content, plan_hash
from govflow.ir.models import Plan
from tests.planning.effects.doing import plan_of

_LINES = (
    ("{c} = psycopg.connect('h')",),
    ("{q} = f'DELETE FROM {{table}}' + ' WHERE id = 1'",),
    ("with {c}.cursor() as {d}:", "    {d}.execute({q})", "    {d}.execute(SQL)"),
    ("{r} = requests.post(f'{{BASE}}/orders/{{day}}', json={{}})",),
    ("for {n} in ('a', 'b'):", "    os.remove(f'/data/{{{n}}}.csv')"),
    ("save({r}.json(), 'out.json')",),
    ("acme.push({r})",),
)
_NAMES = st.lists(st.from_regex(r"[a-z]{3,8}_", fullmatch=True), min_size=5, max_size=5, unique=True)


def _source(names: list[str], gaps: list[int], noise: str, moved: bool) -> str:
    fields = dict(zip("cdqrn", names, strict=True))
    body = []
    for lines, gap in zip(_LINES, gaps, strict=True):
        body.extend([""] * gap)
        if gap:
            body.append(f"    # {noise}")
        body.extend("    " + line.format(**fields) for line in lines)
    helper = "def save(rows, name):\n    with open(name, 'w') as f:\n        f.write(json.dumps(rows))\n"
    task = "@task\ndef work(table, day):\n" + "\n".join(body) + "\n"
    head = "import acme, json, os, psycopg, requests\nfrom prefect import flow, task\n"
    constants = "SQL = 'INSERT INTO log VALUES (1)'\nBASE = 'https://h/v1'\n"
    flow = "@flow\ndef main(day):\n    work('orders', day)\n"
    parts = [constants, helper, task] if not moved else [task, constants, helper]
    return head + "\n".join([*parts, flow])


def _effects(plan: Plan) -> list[dict[str, str]]:
    return [effects_content(step) for step in plan.steps]


@given(
    _NAMES,
    st.lists(st.integers(0, 3), min_size=len(_LINES), max_size=len(_LINES)),
    st.text(st.characters(codec="ascii", categories=["L", "Zs"]), max_size=10),
    st.booleans(),
)
def test_formatting_names_and_places_change_no_effect(
    names: list[str], gaps: list[int], noise: str, moved: bool
) -> None:
    plain = plan_of(_source(["c_", "d_", "q_", "r_", "n_"], [0] * len(_LINES), "", moved=False))
    other = plan_of(_source(names, gaps, noise, moved=moved))
    assert _effects(plain)[1], "there are effects"
    assert _effects(other) == _effects(plain)
    assert [step.action for step in other.steps] == [step.action for step in plain.steps]
    assert [step.unseen for step in other.steps] == [step.unseen for step in plain.steps]
    assert plan_hash(other) == plan_hash(plain)


def test_changed_table_changes_the_hash_through_the_effect_too() -> None:
    names = ["c_", "d_", "q_", "r_", "n_"]
    source = _source(names, [0] * len(_LINES), "", moved=False)
    changed = source.replace("INSERT INTO log", "INSERT INTO audit")
    assert _effects(plan_of(source)) != _effects(plan_of(changed))
    assert plan_hash(plan_of(source)) != plan_hash(plan_of(changed))


def test_effects_stand_at_the_call_that_does_them() -> None:
    plan = plan_of(_source(["c_", "d_", "q_", "r_", "n_"], [0] * len(_LINES), "", moved=False))
    places = {effect.resource: effect.site for effect in plan.steps[1].effects}
    written = places["file://out.json"]
    assert written is not None and written.function == "save"
