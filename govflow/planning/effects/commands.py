"""Programs that are started: which, and what the well-known ones do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from govflow.planning.effects.catalogue import UNKNOWN, Call
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.given import Given
from govflow.planning.effects.http import address
from govflow.planning.effects.locations import clean, shown, without_secrets
from govflow.planning.effects.texts import Parts, parts_of
from govflow.planning.values import Choice, Constant, Container, Value

ReadSql = Callable[[Parts, str, str], Iterator[Deed]]
"""Takes text, provider and dialect."""

_SEPARATORS: Final = frozenset({";", "&&", "||", "|", "&", "|&", "\n", "(", ")", ";;"})
_PREFIXES: Final = frozenset({"sudo", "env", "nohup", "time", "nice", "exec", "command", "stdbuf", "ionice", "xargs"})
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_ASSIGNMENT: Final = re.compile(r"^[A-Za-z_]\w*=")
_DEEPEST: Final = 4
# Options whose value is the next word: it is no subcommand, and may be a secret.
_WITH_VALUE: Final = frozenset(
    {"-n", "--namespace", "--context", "--cluster", "--kubeconfig", "--token", "--user", "--as", "-s", "--server"}
    | {"--profile", "--region", "--endpoint-url", "--output", "--query", "--project", "--account", "--configuration"}
    | {"--zone", "--kube-context", "--kube-token", "-H", "--host", "-c", "--config", "--subscription", "-R", "--repo"}
)
_PREFIX_VALUE: Final = {"sudo": ("-u", "-g", "-h", "-p"), "env": ("-u", "-C"), "nice": ("-n",), "ionice": ("-c", "-n")}
# Programs whose subcommand comes first, and those words of theirs behind which it comes second.
_VERB_FIRST: Final = frozenset({"kubectl", "oc", "helm", "terraform", "tofu", "docker", "podman"})
_GROUPS: Final = frozenset(
    {"state", "workspace", "rollout", "repo", "plugin", "config", "container", "image", "volume", "network", "system"}
    | {"compose", "builder", "buildx", "stack", "service", "secret", "node", "swarm", "context"}
)
_BACKTICKS: Final = re.compile(r"`([^`]*)`")
_WORDS: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "{", "!"})
_ENDS: Final = frozenset({"fi", "done", "esac", "}", "for", "case", "in"})
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
    "wget": ("http:get", "http", None),
}
_CLIENTS: Final = {
    "psql": ("postgres", "postgres", ("-c", "--command")),
    "mysql": ("mysql", "mysql", ("-e", "--execute")),
    "snowsql": ("snowflake", "snowflake", ("-q", "--query")),
    "sqlcmd": ("mssql", "tsql", ("-Q", "-q")),
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
_GIT: Final = {"push": "deploy:update", "clone": "file:write", "pull": "file:write", "checkout": "file:write"}


def read_command(call: Call, given: Given, sql: ReadSql) -> Iterator[Deed]:
    """The effects of starting a program."""
    value = given.value(call.subject or (call.arguments[0] if call.arguments else "args"))
    for option in value.options if isinstance(value, Choice) else (value,):
        for deed in _of_lines(option, sql) if call.mode == "lines" else _of_value(option, sql):
            local = deed.provider in ("shell", "filesystem") and call.provider == "ssh"
            yield deed._replace(provider=call.provider) if local else deed


def _of_value(value: Value | None, sql: ReadSql) -> Iterator[Deed]:
    if isinstance(value, Container):
        words = [shown(parts_of(item)) for item in value.items] if value.keys is None else []
        yield from _of_words(words or [UNKNOWN], sql, 0)
    elif value is None or (isinstance(value, Constant) and not isinstance(value.value, str | bytes)):
        yield _started(UNKNOWN)
    else:
        yield from _of_line(shown(parts_of(value)), sql, 0)


def _of_lines(value: Value | None, sql: ReadSql) -> Iterator[Deed]:
    """A list of lines for a shell."""
    if isinstance(value, Container) and value.keys is None:
        for item in value.items:
            yield from _of_value(item, sql)
    else:
        yield from _of_value(value, sql)


def _of_line(line: str, sql: ReadSql, depth: int) -> Iterator[Deed]:
    """A line for a shell: each of its commands."""
    line = _BACKTICKS.sub(r"$( \1 )", line)
    lexer = shlex.shlex(line.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=";|&()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:  # a quote that is never closed
        tokens = line.split()
    for token in [*tokens, ";"]:
        if token not in _SEPARATORS:
            words.append(token)
        elif words:
            yield from _of_words(words, sql, depth)
            words = []


def _of_words(words: Sequence[str], sql: ReadSql, depth: int) -> Iterator[Deed]:
    rest = _behind_prefixes(words)
    if not rest:
        return
    program, arguments = rest[0].rpartition("/")[2] or rest[0], rest[1:]
    if program in _SHELLS and depth < _DEEPEST:
        script = _after(arguments, ("-c", "-lc", "-ec", "-euc"))
        if script is not None:
            yield from _of_line(script, sql, depth + 1)
            return
    yield from _known(program, arguments, sql)


def _behind_prefixes(words: Sequence[str]) -> list[str]:
    rest = list(words)
    behind, valued = False, tuple[str, ...]()
    while rest:
        word = rest[0].rpartition("/")[2]
        if rest[0] in _WORDS:
            rest = rest[1:]
        elif rest[0] in _ENDS:
            return []
        elif behind and rest[0] in valued:
            rest = rest[2:]
        elif word in _PREFIXES or _ASSIGNMENT.match(rest[0]) or (behind and word.startswith("-")):
            behind, valued = behind or word in _PREFIXES, _PREFIX_VALUE.get(word, valued)
            rest = rest[1:]
        elif word == "timeout" and len(rest) > 1:
            rest = rest[2:]
        else:
            break
    return rest


def _known(program: str, arguments: list[str], sql: ReadSql) -> Iterator[Deed]:
    if program in _QUIET:
        return
    plain = _plain(arguments, _WITH_VALUE if program in _PLATFORMS else frozenset())
    first = plain[0] if plain else ""
    if program in _CLIENTS:
        provider, dialect, options = _CLIENTS[program]
        text = _after(arguments, options)
        if text is None:
            yield Deed("process:execute", provider, f"process://{program}", detail=program)
        else:
            yield from sql(tuple(_holes(text)), provider, dialect)
    elif program == "curl":
        yield _curl(arguments)
    elif program == "dbt":
        action = _DBT.get(first, "process:execute")
        yield Deed(action, "dbt", f"dbt://{_word(first)}", detail=f"dbt {_word(first)}")
    elif program == "git":
        yield Deed(_GIT.get(first, "process:execute"), "git", "process://git", detail=f"git {_word(first)}")
    elif program == "find" and "-delete" in arguments:
        yield Deed("file:delete", "filesystem", "process://find", detail="find -delete")
    elif program in _PLATFORMS:
        yield _platform(program, plain)
    elif program in _PROGRAMS:
        action, provider, resource = _PROGRAMS[program]
        yield Deed(action, provider, resource or f"process://{program}", detail=program)
    else:
        yield _started(program)


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


def _curl(arguments: list[str]) -> Deed:
    joined = next((match[1] for word in arguments if (match := re.fullmatch(r"-[a-zA-Z]*X([A-Z]+)", word))), None)
    method = joined or _after(arguments, ("-X", "-sX", "--request"))
    sending = ("-d", "-F", "--form", "--json", "-T", "--upload-file")
    sends = any(word in sending or word.startswith(("--data", "-d")) for word in arguments)
    name = (method or ("POST" if sends else "GET")).upper()
    action = {"GET": "http:get", "HEAD": "http:head", "DELETE": "http:delete", "PUT": "http:put", "PATCH": "http:patch"}
    url = next((word for word in arguments if "://" in word), UNKNOWN)
    resource = address(tuple(_holes(url)))
    return Deed(action.get(name, "http:post" if name == "POST" else "http:request"), "http", resource, detail="curl")


def _started(program: str) -> Deed:
    name = clean(without_secrets(program)) if "://" in program else clean(program)
    return Deed("process:execute", "shell", f"process://{name}", detail=name)


def _after(arguments: Sequence[str], options: Sequence[str]) -> str | None:
    for index, word in enumerate(arguments):
        if word in options and index + 1 < len(arguments):
            return arguments[index + 1]
        for option in options:
            if option.startswith("--") and word.startswith(option + "="):
                return word.partition("=")[2]
    return None


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
