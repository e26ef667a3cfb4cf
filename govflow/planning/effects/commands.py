"""Programs that are started: which, and what the well-known ones do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from govflow.planning.effects.catalogue import UNKNOWN, Call
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.given import Given
from govflow.planning.effects.http import address
from govflow.planning.effects.locations import clean, location, shown, without_secrets
from govflow.planning.effects.shell_lines import behind_prefixes, commands_of, inner_line, value_after
from govflow.planning.effects.texts import Parts, parts_of
from govflow.planning.values import Choice, Constant, Container, Value

ReadSql = Callable[[Parts, str, str], Iterator[Deed]]
"""Takes text, provider and dialect."""
ReadText = Callable[[str], str | None]
"""Takes the path of a file of the repository."""


class Around(NamedTuple):
    """What a command is read with."""

    sql: ReadSql
    text_of: ReadText
    depth: int  # of shells in shells
    stdin: str | None  # what it is given to read, if that is told
    program: str | None  # what is started in place of the first word


_DEEPEST: Final = 4
# Options whose value is the next word: it is no subcommand, and may be a secret.
_WITH_VALUE: Final = frozenset(
    {"-n", "--namespace", "--context", "--cluster", "--kubeconfig", "--token", "--user", "--as", "-s", "--server"}
    | {"--profile", "--region", "--endpoint-url", "--output", "--query", "--project", "--account", "--configuration"}
    | {"--zone", "--kube-context", "--kube-token", "-H", "--host", "-c", "--config", "--subscription", "-R", "--repo"}
)
# Programs whose subcommand comes first, and those words of theirs behind which it comes second.
_VERB_FIRST: Final = frozenset({"kubectl", "oc", "helm", "terraform", "tofu", "docker", "podman"})
_GROUPS: Final = frozenset(
    {"state", "workspace", "rollout", "repo", "plugin", "config", "container", "image", "volume", "network", "system"}
    | {"compose", "builder", "buildx", "stack", "service", "secret", "node", "swarm", "context"}
)
_QUIET: Final = frozenset(
    {"echo", "true", "false", "cd", "set", "export", "test", "[", "exit", "sleep", "pwd", "printf"}
)

# Program to action, provider and resource; None stands for ``process://<program>``.
_PROGRAMS: Final[dict[str, tuple[str, str, str | None]]] = {
    **dict.fromkeys(("rm", "rmdir", "unlink", "shred"), ("file:delete", "filesystem", None)),
    "mv": ("file:move", "filesystem", None),
    **dict.fromkeys(("cp", "rsync"), ("file:copy", "filesystem", None)),
    "scp": ("file:copy", "ssh", None),
    **dict.fromkeys(
        ("touch", "mkdir", "tee", "dd", "truncate", "chmod", "chown", "ln"), ("file:write", "filesystem", None)
    ),
    **dict.fromkeys(("cat", "ls", "head", "tail", "grep", "wc", "stat", "du", "df"), ("file:read", "filesystem", None)),
    **dict.fromkeys(("dropdb",), ("data:drop", "postgres", None)),
    **dict.fromkeys(("createdb", "pg_restore"), ("data:create", "postgres", None)),
    **dict.fromkeys(("pg_dump", "pg_dumpall"), ("data:export", "postgres", None)),
    "mysqldump": ("data:export", "mysql", None),
    "mongodump": ("data:export", "mongodb", None),
    "mongorestore": ("data:create", "mongodb", None),
    **dict.fromkeys(("ssh",), ("process:execute", "ssh", None)),
    **dict.fromkeys(("mail", "sendmail", "mailx"), ("email:send", "email", "email://{?}")),
    **dict.fromkeys(("mkfs", "wipefs", "fdisk"), ("file:delete", "filesystem", None)),
}
_CLIENTS: Final = {
    "psql": ("postgres", "postgres", ("-c", "--command")),
    "mysql": ("mysql", "mysql", ("-e", "--execute")),
    "snowsql": ("snowflake", "snowflake", ("-q", "--query")),
    "sqlcmd": ("mssql", "tsql", ("-Q", "-q")),
    "mariadb": ("mysql", "mysql", ("-e", "--execute")),
    "sqlite3": ("sqlite", "sqlite", ("-cmd",)),
    "duckdb": ("duckdb", "duckdb", ("-c", "-s")),
    "clickhouse-client": ("clickhouse", "clickhouse", ("-q", "--query")),
}
_PLATFORMS: Final = {
    "aws": "aws",
    "gcloud": "gcp",
    "gsutil": "gcs",
    "bq": "bigquery",
    "az": "azure",
    "azcopy": "azure",
    "kubectl": "kubernetes",
    "oc": "kubernetes",
    "helm": "kubernetes",
    "terraform": "terraform",
    "tofu": "terraform",
    "docker": "docker",
    "podman": "docker",
    "gh": "github",
    "glab": "gitlab",
}
_TAKING: Final = frozenset(
    {"delete", "destroy", "remove", "terminate", "uninstall", "drop", "purge", "rm", "rb", "rmi", "prune", "deregister"}
)
_LOOKING: Final = frozenset(
    {"get", "list", "describe", "show", "ls", "status", "plan", "logs", "inspect", "ps", "validate", "version", "head"}
    | {"top", "wait", "diff", "lint", "template", "history", "images", "output", "fmt", "init"}
)
_MAKING: Final = frozenset({"create", "install", "run", "run-instances", "mb", "add"})
_DBT: Final = {
    **dict.fromkeys(("run", "build", "snapshot", "retry"), "data:write"),
    "seed": "data:load",
    **dict.fromkeys(("test", "source"), "data:validate"),
    **dict.fromkeys(("compile", "parse", "ls", "list", "docs", "debug", "deps", "show", "clean"), "data:list"),
    "run-operation": "process:execute",
}
_RCLONE: Final = {
    **dict.fromkeys(("purge", "delete", "deletefile", "rmdir", "rmdirs", "cleanup", "sync", "bisync"), "file:delete"),
    **dict.fromkeys(("move", "moveto"), "file:move"),
    **dict.fromkeys(("copy", "copyto"), "file:copy"),
    **dict.fromkeys(("ls", "lsd", "lsl", "lsf", "lsjson", "size", "check", "about", "listremotes"), "file:list"),
    "cat": "file:read",
}
_GIT: Final = {"push": "deploy:update", "clone": "file:write", "pull": "file:write", "checkout": "file:write"}


def read_command(call: Call, given: Given, sql: ReadSql, text_of: ReadText) -> Iterator[Deed]:
    """The effects of starting a program."""
    value = given.value(call.subject or (call.arguments[0] if call.arguments else "args"))
    put_in = given.own("input")
    stdin = None if put_in is None else shown(parts_of(put_in))
    program = given.own("executable")
    around = Around(sql, text_of, 0, stdin, None if program is None else shown(parts_of(program)))
    for option in value.options if isinstance(value, Choice) else (value,):
        for deed in _of_lines(option, around) if call.mode == "lines" else _of_value(option, around):
            yield _over_there(deed) if call.provider == "ssh" else deed


def _over_there(deed: Deed) -> Deed:
    """What is done on another machine."""
    return deed._replace(provider="ssh") if deed.provider in ("shell", "filesystem") else deed


def _of_value(value: Value | None, around: Around) -> Iterator[Deed]:
    if isinstance(value, Container):
        words = [shown(parts_of(item)) for item in value.items] if value.keys is None else []
        words = words or [UNKNOWN]
        yield from _of_words([around.program, *words[1:]] if around.program else words, around)
    elif value is None or (isinstance(value, Constant) and not isinstance(value.value, str | bytes)):
        yield _started(UNKNOWN)
    else:
        yield from _of_line(shown(parts_of(value)), around)


def _of_lines(value: Value | None, around: Around) -> Iterator[Deed]:
    """A list of lines for a shell."""
    if isinstance(value, Container) and value.keys is None:
        for item in value.items:
            yield from _of_value(item, around)
    else:
        yield from _of_value(value, around)


def _of_line(line: str, around: Around) -> Iterator[Deed]:
    """A line for a shell: each of its commands."""
    for command in commands_of(line):
        for target, action in command.files:
            provider, resource = location(tuple(_holes(target)), str)
            yield Deed(action, provider, resource, detail=f"{action.partition(':')[2]} {resource}")
        stdin = command.stdin
        if stdin is None and command.source is not None:
            stdin = around.text_of(command.source) or UNKNOWN
        yield from _of_words(command.words, around if stdin is None else around._replace(stdin=stdin))


def _of_words(words: Sequence[str], around: Around) -> Iterator[Deed]:
    rest = behind_prefixes(words)
    if not rest:
        return
    program, arguments = rest[0].rpartition("/")[2] or rest[0], rest[1:]
    inner = inner_line(program, arguments) if around.depth < _DEEPEST else None
    if inner is None:
        yield from _known(program, arguments, around)
        return
    for deed in _of_line(inner, around._replace(depth=around.depth + 1)):
        yield _over_there(deed) if program == "ssh" else deed


def _known(program: str, arguments: list[str], around: Around) -> Iterator[Deed]:
    if program in _QUIET:
        return
    plain = _plain(arguments, _WITH_VALUE if program in _PLATFORMS else frozenset())
    first = plain[0] if plain else ""
    if program in _CLIENTS:
        yield from _client(program, arguments, plain, around)
    elif program == "redis-cli":
        yield _redis(arguments)
    elif program == "curl":
        yield _curl(arguments)
        yield from _saved(value_after(arguments, ("-o", "-sSLo", "-Lo", "-sLo", "-fsSLo", "-so", "--output")))
    elif program == "wget":
        yield _wget(arguments)
        yield from _saved(value_after(arguments, ("-O", "-qO", "--output-document")))
    elif program == "rsync" and any(word.startswith(("--del", "--remove-source")) for word in arguments):
        yield Deed("file:delete", "filesystem", "process://rsync", detail="rsync --delete")
    elif program == "rclone":
        yield Deed(_RCLONE.get(first, "file:write"), "filesystem", "process://rclone", detail=f"rclone {_word(first)}")
    elif program == "dbt":
        action = _DBT.get(first, "process:execute")
        yield Deed(action, "dbt", f"dbt://{_word(first)}", detail=f"dbt {_word(first)}")
    elif program == "git":
        yield Deed(_GIT.get(first, "process:execute"), "git", "process://git", detail=f"git {_word(first)}")
    elif program == "find" and "-delete" in arguments:
        yield Deed("file:delete", "filesystem", "process://find", detail="find -delete")
    elif program in _PLATFORMS:
        deed = _platform(program, plain)
        destroys = (
            _PLATFORMS[program] == "terraform" and {"-destroy", "--destroy"} & set(arguments) and first == "apply"
        )
        yield deed._replace(action="deploy:destroy") if destroys else deed
    elif program in _PROGRAMS:
        action, provider, resource = _PROGRAMS[program]
        yield Deed(action, provider, resource or f"process://{program}", detail=program)
    else:
        yield _started(program)


def _client(program: str, arguments: list[str], plain: list[str], around: Around) -> Iterator[Deed]:
    """A client of a database: the SQL that it is given as an argument, in a file, or to read."""
    provider, dialect, options = _CLIENTS[program]
    text = value_after(arguments, options)
    if text is None and program in ("sqlite3", "duckdb") and len(plain) > 1:
        text = plain[1]
    file = value_after(arguments, ("-f", "--file", "-i", "--queries-file"))
    if text is None and file is not None:
        text = around.text_of(file) or UNKNOWN
    text = around.stdin if text is None else text
    if text is None:
        yield Deed("process:execute", provider, f"process://{program}", detail=program)
    else:
        yield from around.sql(tuple(_holes(text)), provider, dialect)


def _redis(arguments: list[str]) -> Deed:
    valued = frozenset({"-h", "-p", "-a", "-n", "-u", "-s", "--user", "--pass", "-r", "-i"})
    plain = _plain(arguments, valued)
    verb = plain[0].upper() if plain else ""
    if verb in ("FLUSHALL", "FLUSHDB"):
        return Deed("data:purge", "redis", f"redis://{UNKNOWN}", unbounded=True, detail=f"redis-cli {verb}")
    action = "data:delete" if verb in ("DEL", "UNLINK", "GETDEL", "HDEL") else "data:write"
    if verb in ("GET", "MGET", "HGET", "HGETALL", "KEYS", "SCAN", "PING", "INFO", "DBSIZE", "EXISTS", "TTL", "LRANGE"):
        action = "data:read"
    return Deed(action, "redis", f"redis://{UNKNOWN}", detail="redis-cli")


def _saved(target: str | None) -> Iterator[Deed]:
    """The file that a download is put into."""
    if target not in (None, "-", "/dev/null", "/dev/stdout"):
        provider, resource = location(tuple(_holes(target)), str)
        yield Deed("file:write", provider, resource, detail=f"write {resource}")


def _plain(arguments: Sequence[str], with_value: frozenset[str]) -> list[str]:
    """Words that are no options, and no values of these options."""
    pairs = zip(["", *arguments], arguments, strict=False)
    return [word for before, word in pairs if not word.startswith("-") and before not in with_value]


def _platform(program: str, plain: list[str]) -> Deed:
    """A command line of a platform: judged by its verb."""
    most = (2 if plain[:1] and plain[0] in _GROUPS else 1) if program in _VERB_FIRST else 4
    words = [part for word in plain[:most] for part in (word, *re.split(r"[-_:]", word)[:1])]
    verb = next((word for word in words if word in _TAKING | _LOOKING | _MAKING), "")
    action = "deploy:update"
    if verb in _TAKING:
        action = "deploy:destroy" if verb == "destroy" else "deploy:delete"
    elif verb in _LOOKING:
        action = "deploy:read"
    elif verb in _MAKING:
        action = "deploy:create"
    if program == "gsutil" or (program == "aws" and plain[:1] == ["s3"]):
        action = {"deploy:delete": "file:delete", "deploy:read": "file:list"}.get(action, "file:write")
    provider = "s3" if action.startswith("file:") and program == "aws" else _PLATFORMS[program]
    shown_words = " ".join(_word(word) for word in plain[: 2 if program in ("aws", "gcloud", "az") else 1])
    resource = f"process://{program}"
    if _PLATFORMS[program] == "kubernetes" and program != "helm" and verb in _TAKING:
        kind, _, name = plain[1].partition("/") if len(plain) > 1 else (UNKNOWN, "", "")
        name = name or (plain[2] if len(plain) > 2 else UNKNOWN)
        resource = f"k8s://{clean(kind)}/{clean(name)}"
    return Deed(action, provider, resource, detail=f"{program} {shown_words}".rstrip())


def _wget(arguments: list[str]) -> Deed:
    sends = any(word.startswith(("--post-", "--body-")) for word in arguments)
    return _requested(value_after(arguments, ("--method",)) or ("POST" if sends else "GET"), arguments, "wget")


def _curl(arguments: list[str]) -> Deed:
    joined = next((match[1] for word in arguments if (match := re.fullmatch(r"-[a-zA-Z]*X([A-Z]+)", word))), None)
    method = joined or value_after(arguments, ("-X", "-sX", "--request"))
    sending = ("-d", "-F", "--form", "--json", "-T", "--upload-file")
    sends = any(word in sending or word.startswith(("--data", "-d")) for word in arguments)
    return _requested(method or ("POST" if sends else "GET"), arguments, "curl")


def _requested(method: str, arguments: list[str], program: str) -> Deed:
    name = method.upper()
    action = {"GET": "http:get", "HEAD": "http:head", "DELETE": "http:delete", "PUT": "http:put", "PATCH": "http:patch"}
    url = next((word for word in arguments if "://" in word), UNKNOWN)
    resource = address(tuple(_holes(url)))
    return Deed(action.get(name, "http:post" if name == "POST" else "http:request"), "http", resource, detail=program)


def _started(program: str) -> Deed:
    name = clean(without_secrets(program)) if "://" in program else clean(program)
    return Deed("process:execute", "shell", f"process://{name}", detail=name)


def _word(text: str) -> str:
    """A subcommand for people; nothing that could be a value."""
    return text if re.fullmatch(r"[a-z][a-z0-9-]{0,30}", text) else UNKNOWN


def _holes(text: str) -> Iterator[str | None]:
    """Text with :data:`UNKNOWN` in it as parts."""
    for number, piece in enumerate(text.split(UNKNOWN)):
        if number:
            yield None
        if piece:
            yield piece
