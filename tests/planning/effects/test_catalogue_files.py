"""Catalogue files that a user writes: what is looked up where, and what is refused."""

from __future__ import annotations

import pytest

from govflow.errors import PolicyError
from govflow.planning.effects.catalogue import UNKNOWN, Call, Catalogue, fill

HEAD = "version: 1\nfamily: acme\nabout: Acme.\nsource: Acme handbook\n"


def extended(text: str) -> Catalogue:
    return Catalogue.default().extended(HEAD + text, "acme.yaml")


def found(catalogue: Catalogue, callee: str) -> Call:
    call = catalogue.find(callee)
    assert call is not None, callee
    return call


def test_entries_of_a_file_are_found_beside_those_that_ship() -> None:
    catalogue = extended(
        """
objects:
  - {name: acme-client, made_by: [acme.connect], types: [acme.Client], arguments: [tenant], key: tenant}
calls:
  - {call: [acme-client.load], arguments: [table], action: data:load, provider: acme, resource: "dataset://{tenant}/{table}"}
harmless: [acme.types]
"""
    )
    maker = catalogue.maker("acme.connect")
    assert maker is not None and (maker.name, maker.key, maker.arguments) == ("acme-client", "tenant", ("tenant",))
    assert catalogue.type_of("acme.Client") == "acme-client"
    assert found(catalogue, "acme-client(eu).load").provider == "acme"
    assert found(catalogue, "acme-client.load").source == "Acme handbook"
    assert catalogue.is_harmless("acme.types.Row.of") and not catalogue.is_harmless("acme.typeset")
    assert found(catalogue, "requests.post").method == "POST"
    assert Catalogue.default().find("acme-client.load") is None
    assert catalogue.digest != Catalogue.default().digest


def test_the_more_specific_entry_wins() -> None:
    catalogue = extended(
        """
objects:
  - {name: acme-client, made_by: [acme.connect], arguments: [tenant], key: tenant}
calls:
  - {call: ["acme-client.*"], action: data:update, provider: acme, resource: "acme://{.key}/{.method}/{*}"}
  - {call: ["acme-client.get_*"], action: data:read, provider: acme, resource: "acme://{.key}/{.method}/{*}"}
  - {call: ["acme-client(eu).get_*"], action: data:list, provider: acme, resource: "acme://eu/{*}"}
  - {call: [acme-client.get_all], action: data:export, provider: acme, resource: "acme://all"}
  - {call: [acme-client(eu).get_all], effect: none}
"""
    )
    told = {
        callee: (found(catalogue, callee).action, found(catalogue, callee).resource)
        for callee in (
            "acme-client.put",
            "acme-client(us).get_rows",
            "acme-client(eu).get_rows",
            "acme-client(us).get_all",
            "acme-client(eu).get_all",
        )
    }
    assert told == {
        "acme-client.put": ("data:update", "acme://{?}/put/put"),
        "acme-client(us).get_rows": ("data:read", "acme://us/get_rows/rows"),
        "acme-client(eu).get_rows": ("data:list", "acme://eu/rows"),
        "acme-client(us).get_all": ("data:export", "acme://all"),
        "acme-client(eu).get_all": ("", ""),
    }


def test_a_file_comes_before_what_ships_but_any_receiver_comes_last() -> None:
    catalogue = extended(
        """
calls:
  - {call: ["requests.*"], action: message:send, provider: slack, resource: "slack://ops"}
  - {call: ["*.execute", "*.frobnicate"], effect: none}
harmless: [subprocess]
"""
    )
    assert found(catalogue, "requests.post").action == "message:send"
    assert found(catalogue, "subprocess.run").effect_none
    assert found(catalogue, "postgres-cursor.execute").reads == "sql"
    assert found(catalogue, "*.execute").effect_none
    assert found(catalogue, "*.frobnicate").effect_none
    assert catalogue.find("acme.frobnicate") is None


def test_a_method_called_on_its_class_is_the_method() -> None:
    call = found(Catalogue.default(), "pathlib.Path.unlink")
    assert (call.action, call.arguments[0]) == ("file:delete", "self")


def test_a_constant_may_choose_the_action() -> None:
    call = found(Catalogue.default(), "xmlrpc-server.execute_kw")
    assert call.by == "method"
    assert call.action_for("unlink") == "odoo:unlink"
    assert call.action_for("frobnicate") == call.action_for(None) == "odoo:call"


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("s3://{Bucket}/{Key}", {"Bucket": "b", "Key": "k"}, "s3://b/k"),
        ("s3://{Bucket}/{Key}", {"Bucket": "b", "Key": None}, "s3://b/{?}"),
        ("s3://{Bucket}/{Key}", {}, "s3://{?}/{?}"),
        ("dataset://[{schema}/]{name}", {"name": "t"}, "dataset://t"),
        ("dataset://[{schema}/]{name}", {"name": "t", "schema": None}, "dataset://{?}/t"),
        ("dataset://[{schema}/]{name}", {"name": "t", "schema": "s"}, "dataset://s/t"),
        ("k8s://{?}", {"?": "x"}, "k8s://{?}"),
        ("x://{a}", {"a": "{b}", "b": "c"}, "x://{b}"),
    ],
)
def test_templates(template: str, values: dict[str, str | None], expected: str) -> None:
    assert fill(template, values) == expected
    assert UNKNOWN == "{?}"


CALL = "calls:\n  - {call: [acme.send], arguments: [to], "


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        (CALL + "acton: data:write}", "calls[0].acton: unknown field", "Did you mean 'action'?"),
        (CALL + "reads: sqll}", "calls[0].reads: unknown reader 'sqll'", "Did you mean 'sql'?"),
        (CALL + "action: write, provider: x, resource: y}", "calls[0].action: 'write' is no action", "domain:verb"),
        (CALL + "action: data:write, resource: y}", "calls[0].provider: missing", "provider: postgres"),
        (CALL + "action: data:write, provider: x}", "calls[0].resource: missing", "dataset://"),
        (CALL + 'action: data:write, provider: x, resource: "a://{too}"}', "unknown argument 'too'", "'to'"),
        (CALL + "reads: sql, subject: text}", "calls[0].subject: unknown argument 'text'", "There are: to."),
        (CALL + "effect: nothing}", "calls[0].effect: expected none", "effect: none"),
        (CALL + "effect: none, action: data:write}", "calls[0].action: an entry with", "Remove one"),
        (CALL + "provider: x}", "calls[0]: it does not say what the call does", "action: data:write"),
        (CALL + "reads: sql, unbounded: yes}", "unbounded: expected true or false", "true or false"),
        (CALL + "action: data:write, provider: x, resource: y, actions: {a: b}}", "'b' is no action", "domain:verb"),
        (CALL + "action: data:write, provider: x, resource: y, actions: {a: data:read}}", "what chooses", "by:"),
        ("calls:\n  - {arguments: [a], effect: none}", "calls[0].call: missing", "call: ["),
        ("calls:\n  - {call: [a b], effect: none}", "'a b' names nothing", "acme.client.send"),
        ("calls: {call: a}", "calls: expected a list", "- "),
        ("calls: [text]", "calls[0]: expected a mapping", "field: value"),
        ("calls: [{call: {a: b}, effect: none}]", "calls[0].call: expected a list", "[one, two]"),
        ("objects: [{name: acme, made_by: [acme.connect]}]", "'acme' is no name of an object", "hyphen"),
        ("objects: [{name: acme-x}]", "nothing makes this object", "made_by"),
        ("objects: [{name: acme-x, made_by: [a], key: k}]", "'k' is no argument", "arguments"),
        ("sections: [{calls: [{call: [a], efect: none}]}]", "sections[0].calls[0].efect: unknown field", "'effect'"),
        ("harmless: [a]\nharmless: [b]", "harmless: the key stands twice", "Keep one"),
        ("family: x", "family: the key stands twice", "Keep one"),
        ("harmless: [a", "not YAML", "syntax"),
        ("harmless: ['']", "harmless: expected a list of texts", "quotes"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_mend(text: str, place: str, mend: str) -> None:
    with pytest.raises(PolicyError) as caught:
        extended(text)
    assert caught.value.message.startswith("acme.yaml:")
    assert place in caught.value.message
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "acme.yaml: expected a mapping"),
        ("- a", "acme.yaml: expected a mapping"),
        ("family: x", "acme.yaml: version: expected 1"),
        ("version: 2", "acme.yaml:1: version: expected 1, found '2'"),
        ("\x00", "acme.yaml"),
        ("version: 1\n? [a]\n: b", "a key that is not text"),
        ("[" * 5000, "acme.yaml"),
    ],
)
def test_what_is_no_catalogue_is_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message.replace("?", r"\?").replace("[", r"\[")):
        Catalogue.default().extended(text, "acme.yaml")


def test_every_value_is_text() -> None:
    """YAML 1.1 takes ``no`` for false and ``1_0`` for ten; a library may have a function of any name."""
    catalogue = extended("harmless: [no, on, 1_0, null]")
    assert all(catalogue.is_harmless(name) for name in ("no", "on", "1_0", "null"))


def test_tags_make_nothing() -> None:
    with pytest.raises(PolicyError):
        Catalogue.default().extended("!!python/object/apply:os.system ['true']", "acme.yaml")
