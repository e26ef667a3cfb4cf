"""SQL to verbs and tables."""

from __future__ import annotations

import logging

import pytest

from govflow.planning.effects.sql import read_sql
from govflow.planning.effects.texts import Parts


def said(*parts: str | None, dialect: str = "") -> list[str]:
    deeds, _ = read_sql(parts, "db", dialect)
    return [
        f"{deed.action} {deed.resource.removeprefix('dataset://')}" + (" !" if deed.unbounded else "") for deed in deeds
    ]


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("SELECT * FROM orders WHERE id = %s", "postgres", ["data:read orders"]),
        ("select a from S.Orders o join t on o.i = t.i", "", ["data:read s/orders", "data:read t"]),
        ('SELECT * FROM "Sales"."Orders"', "postgres", ["data:read Sales/Orders"]),
        ("INSERT INTO t (a) VALUES (%(a)s)", "postgres", ["data:append t"]),
        ("INSERT INTO t SELECT * FROM u", "", ["data:append t", "data:read u"]),
        ("INSERT OVERWRITE TABLE t SELECT 1", "spark", ["data:write t"]),
        ("INSERT OR REPLACE INTO t VALUES (1)", "sqlite", ["data:write t"]),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "postgres", ["data:merge t"]),
        ("REPLACE INTO t VALUES (1)", "mysql", ["data:write t"]),
        ("UPDATE t SET a = 1", "", ["data:update t !"]),
        ("UPDATE t SET a = 1 WHERE b = 2", "", ["data:update t"]),
        ("DELETE FROM t", "", ["data:delete t !"]),
        ("DELETE FROM t WHERE true", "postgres", ["data:delete t !"]),
        ("DELETE FROM t WHERE 1 = 1", "", ["data:delete t !"]),
        ("DELETE FROM t WHERE a = 1", "", ["data:delete t"]),
        ("DELETE FROM t USING u WHERE t.a = u.a", "postgres", ["data:delete t", "data:read u"]),
        ("TRUNCATE TABLE a, b", "postgres", ["data:truncate a", "data:truncate b"]),
        ("DROP TABLE IF EXISTS s.t", "", ["data:drop s/t"]),
        ("DROP SCHEMA s CASCADE", "postgres", ["data:drop s"]),
        ("CREATE TABLE t AS SELECT * FROM u", "", ["data:create t", "data:read u"]),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "snowflake", ["data:write t"]),
        ("CREATE OR REPLACE VIEW v AS SELECT 1 FROM t", "duckdb", ["data:create v", "data:read t"]),
        ("CREATE TEMP TABLE t AS SELECT 1", "postgres", ["data:process t"]),
        ("ALTER TABLE t ADD COLUMN a INT", "", ["data:alter t"]),
        ("ALTER TABLE t DROP COLUMN a", "postgres", ["data:drop t"]),
        ("GRANT SELECT ON t TO bob", "postgres", ["data:grant t"]),
        ("REVOKE ALL ON t FROM bob", "postgres", ["data:grant t"]),
        ("SELECT * INTO n FROM b", "tsql", ["data:create n", "data:read b"]),
        ("COPY t FROM STDIN", "postgres", ["data:load t"]),
        ("COPY t TO '/tmp/x'", "postgres", ["data:export t"]),
        ("COPY (SELECT * FROM a) TO STDOUT", "postgres", ["data:export a"]),
        ("COPY INTO t FROM @stage", "snowflake", ["data:load t"]),
        ("COPY INTO @stage FROM t", "snowflake", ["data:export t"]),
        ("UNLOAD ('select 1 from a') TO 's3://b'", "redshift", ["data:export {?}"]),
        ("EXPORT DATA OPTIONS(uri='x') AS SELECT 1 FROM a", "bigquery", ["data:export a"]),
        ("REFRESH MATERIALIZED VIEW v", "postgres", ["data:write v"]),
        ("CALL p(1)", "postgres", ["process:execute p"]),
        ("EXPLAIN DELETE FROM t", "postgres", ["data:query {?}"]),
        ("EXPLAIN ANALYZE DELETE FROM t", "postgres", ["data:delete t !"]),
        ("SELECT 1", "", ["data:query {?}"]),
        ("BEGIN; DELETE FROM t WHERE a = 1; COMMIT;", "postgres", ["data:delete t"]),
        ("SET search_path = s", "postgres", []),
        ("PRAGMA journal_mode=WAL", "sqlite", []),
        ("-- DROP TABLE t\nSELECT * FROM u", "", ["data:read u"]),
        ("/* DELETE FROM t */ SELECT a FROM u -- DROP TABLE v", "", ["data:read u"]),
        ("SELECT 'DELETE FROM t' FROM u", "", ["data:read u"]),
        ("", "", []),
    ],
)
def test_statement_is_its_verb_and_its_tables(text: str, dialect: str, expected: list[str]) -> None:
    assert said(text, dialect=dialect) == expected


@pytest.mark.parametrize(
    "text",
    [
        "WITH c AS (SELECT * FROM u) SELECT * FROM c JOIN v ON true",
        "WITH c AS (SELECT * FROM u), v2 AS (SELECT * FROM c) SELECT * FROM v2, v",
    ],
)
def test_common_table_expressions_are_no_tables(text: str) -> None:
    assert sorted(said(text)) == ["data:read u", "data:read v"]


def test_delete_inside_a_common_table_expression_is_found() -> None:
    found = said("WITH d AS (DELETE FROM t RETURNING *) INSERT INTO z SELECT * FROM d", dialect="postgres")
    assert set(found) == {"data:append z", "data:delete t !"}


def test_merge_that_updates_is_a_merge_and_one_that_deletes_deletes() -> None:
    head = "MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN "
    assert said(head + "UPDATE SET x = 1", dialect="snowflake") == ["data:merge a", "data:read b"]
    assert "data:delete a" in said(head + "DELETE", dialect="snowflake")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("DELETE FROM ", None, " WHERE id = ", None), ["data:delete {?}"]),
        (("SELECT * FROM ", None, ".orders"), ["data:read {?}/orders"]),
        (('INSERT INTO "', None, '"."Orders" VALUES (', None, ")"), ["data:append {?}/Orders"]),
        (("SELECT * FROM t_", None), ["data:read t_{?}"]),
        (("DELETE FROM t WHERE d = '", None, "'"), ["data:delete t"]),
        (("INSERT INTO t (", None, ") VALUES (", None, ")"), ["data:append t"]),
        ((None,), ["data:write {?}"]),
        ((None, " FROM t"), ["data:write {?}"]),
    ],
)
def test_holes_stand_for_themselves(parts: Parts, expected: list[str]) -> None:
    assert said(*parts) == expected


@pytest.mark.parametrize("parts", [("DELETE FROM t ", None), ("UPDATE t SET a = 1 ", None)])
def test_what_is_not_known_may_hold_the_condition(parts: Parts) -> None:
    deeds, _ = read_sql(parts, "db", "")
    assert [deed.unbounded for deed in deeds] == [False]


@pytest.mark.parametrize(
    ("text", "expected", "parsed"),
    [
        ("DELETE FROM {{ table }} WHERE a = 1", ["data:delete {?}"], True),
        ("{% if x %}DELETE FROM t WHERE a = 1{% endif %}", ["data:delete t"], False),
        ("DELETE FROM t WHERE ((( a", ["data:delete t"], False),
        ("please do not parse me", ["data:write {?}"], False),
    ],
)
def test_what_cannot_be_parsed_is_judged_by_its_first_words(text: str, expected: list[str], parsed: bool) -> None:
    deeds, trouble = read_sql((text,), "db", "")
    assert [f"{deed.action} {deed.resource.removeprefix('dataset://')}" for deed in deeds] == expected
    assert bool(trouble) is not parsed


def test_no_literal_of_a_statement_is_shown() -> None:
    texts = [
        "SELECT * FROM t WHERE k = 'canary'",
        "CALL p('canary')",
        "canary secrets",
        "INSERT INTO t VALUES ('canary'",
    ]
    for text in texts:
        deeds, trouble = read_sql((text,), "db", "")
        assert "canary" not in repr(deeds) + trouble


def test_parser_says_nothing_on_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read_sql(("CREATE ROLE somebody_new",), "db", "postgres")
    assert caplog.records == []
    assert not logging.getLogger("sqlglot").disabled


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("SET NOCOUNT ON\nDELETE FROM t", "tsql", ["data:delete t"]),
        ("DECLARE @d int = 1\nDELETE FROM t WHERE a = @d", "tsql", ["data:delete t"]),
        ("USE d DROP TABLE t", "tsql", ["data:drop t"]),
        ("IF EXISTS (SELECT 1 FROM u) DROP TABLE t", "tsql", ["data:drop t", "data:read u"]),
        ("BEGIN TRAN DELETE FROM t COMMIT", "tsql", ["data:delete t"]),
        ("SELECT * FROM u DELETE FROM t", "tsql", ["data:read {?}", "data:delete t"]),
        ("DECLARE v int; BEGIN DELETE FROM t; END;", "oracle", ["data:delete t"]),
        ("BEGIN EXECUTE IMMEDIATE 'DROP TABLE t'; END;", "oracle", ["process:execute {?}"]),
        ("PREPARE x AS DELETE FROM t", "postgres", ["data:delete t"]),
        ("DO $$ BEGIN DELETE FROM t; END $$", "postgres", ["data:delete t"]),
        ("SET x = 'DELETE FROM t'", "", []),
        ("COPY t TO PROGRAM 'rm x'", "postgres", ["process:execute {?}", "data:export t"]),
    ],
)
def test_verbs_behind_words_that_do_nothing_are_found(text: str, dialect: str, expected: list[str]) -> None:
    assert said(text, dialect=dialect) == expected


def test_statement_of_which_nothing_is_known_may_write() -> None:
    assert said("SELECT 1; ", None, dialect="postgres") == ["data:query {?}", "data:write {?}"]
    assert said(None, " x") == ["data:write {?}"]


@pytest.mark.parametrize(
    ("text", "dialect", "table"),
    [
        ("DELETE FROM [dbo].[Orders]", "tsql", "dbo/orders"),
        ("DELETE FROM `Db`.`Orders`", "mysql", "db/orders"),
        ('DELETE FROM "ORDERS"', "snowflake", "orders"),
        ('DELETE FROM "Orders"', "snowflake", "Orders"),
    ],
)
def test_quotes_keep_the_case_only_where_the_database_tells_it_apart(text: str, dialect: str, table: str) -> None:
    assert said(text, dialect=dialect) == [f"data:delete {table} !"]


def test_file_read_as_a_table_shows_no_credentials() -> None:
    assert said("SELECT * FROM 'https://u:hidden@h/x?sig=hidden'", dialect="duckdb") == ["data:read https://h/x"]


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        ("mysql", "LOAD DATA INFILE 'x' INTO TABLE t", ["data:load dataset://t"]),
        ("mysql", "LOAD DATA LOCAL INFILE 'x' INTO TABLE t", ["data:load dataset://t"]),
        ("mysql", "DROP USER joe", ["data:grant dataset://{?}"]),
        ("postgres", "CREATE USER joe PASSWORD 'x'", ["data:grant dataset://{?}"]),
        ("postgres", "ALTER ROLE joe SUPERUSER", ["data:grant dataset://{?}"]),
        ("postgres", "VACUUM FULL", ["data:process dataset://{?}"]),
        ("postgres", "VACUUM FULL orders", ["data:process dataset://orders"]),
        ("mysql", "SELECT * FROM t INTO OUTFILE '/x'", ["data:export dataset://t"]),
        ("mysql", "SELECT * INTO OUTFILE '/x' FROM t", ["data:export dataset://t"]),
        ("snowflake", "REMOVE @stage/x", ["file:delete dataset://{?}"]),
        ("mysql", "/*!50000 DROP TABLE x */", ["data:drop dataset://x"]),
        ("mysql", "/* DROP TABLE x */", []),
        ("postgres", "EXPLAIN ANALYZE DELETE FROM t", ["data:delete dataset://t !"]),
        ("postgres", "EXPLAIN (ANALYZE, VERBOSE) UPDATE t SET a = 1 WHERE b = 2", ["data:update dataset://t"]),
        ("postgres", "EXPLAIN DELETE FROM t", ["data:query dataset://{?}"]),
        ("", "DELETE FROM t WHERE x = x", ["data:delete dataset://t !"]),
        ("", "DELETE FROM t WHERE (1=1)", ["data:delete dataset://t !"]),
        ("", "DELETE FROM t WHERE a = 2 OR 'x' = 'x'", ["data:delete dataset://t !"]),
        ("", "DELETE FROM t WHERE a = 2 AND 1 = 1", ["data:delete dataset://t"]),
        ("", "DELETE FROM t WHERE x = y", ["data:delete dataset://t"]),
        ("tsql", "DELETE FROM srv.db.dbo.t", ["data:delete dataset://srv/db/dbo/t !"]),
        ("tsql", "SELECT * FROM srv.db.dbo.t", ["data:read dataset://srv/db/dbo/t"]),
    ],
)
def test_statements_that_few_write_are_read_too(dialect: str, text: str, expected: list[str]) -> None:
    found, _ = read_sql((text,), "p", dialect)
    assert [f"{deed.action} {deed.resource}" + (" !" if deed.unbounded else "") for deed in found] == expected
