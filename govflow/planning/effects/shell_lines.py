"""Lines for a shell: their commands, what each reads and writes by redirection, and what stands before a program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_SEPARATORS: Final = frozenset({";", "&&", "||", "|", "&", "|&", "\n", "(", ")", ";;"})
_WRITING: Final = {">": "file:write", ">|": "file:write", "&>": "file:write", ">&": "file:write"}
_REDIRECTIONS: Final = {**_WRITING, ">>": "file:append", "&>>": "file:append", "<>": "file:write"}
_READING: Final = frozenset({"<", "<<", "<<<", "<<-", "<&"})
_NO_FILES: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "-", "&1", "&2"})
_HEREDOC: Final = re.compile(
    r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*)\n(.*?)\n?[ \t]*^[ \t]*\2[ \t]*$", re.DOTALL | re.MULTILINE
)
_MARK: Final = "govflow-heredoc-"
_BACKTICKS: Final = re.compile(r"`([^`]*)`")

_PREFIXES: Final = frozenset(
    {
        "sudo",
        "env",
        "nohup",
        "time",
        "nice",
        "exec",
        "command",
        "stdbuf",
        "ionice",
        "xargs",
        "busybox",
        "builtin",
        "doas",
    }
    | {"timeout", "gtimeout", "flock", "uv", "poetry", "setsid", "chroot", "parallel"}
)
_TAKES_ONE: Final = frozenset({"timeout", "gtimeout", "flock", "chroot"})  # a duration, a lock, a folder
_RUNS: Final = frozenset({"uv", "poetry"})  # what stands behind ``run``
_PREFIX_VALUE: Final = {
    "sudo": ("-u", "-g", "-h", "-p"),
    "env": ("-u", "-C"),
    "nice": ("-n",),
    "ionice": ("-c", "-n"),
    "timeout": ("-k", "-s", "--kill-after", "--signal"),
    "gtimeout": ("-k", "-s", "--kill-after", "--signal"),
    "flock": ("-w", "-E", "--timeout", "--wait"),
    "xargs": ("-n", "-I", "-P", "-L", "-d", "-a", "-s", "-E"),
    "parallel": ("-j", "-n", "-I"),
    "uv": ("--with", "--python", "-p", "--project", "--directory", "--extra", "--group", "--env-file", "--package"),
}
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash"})
_SSH_VALUE: Final = frozenset(
    {"-i", "-p", "-l", "-o", "-F", "-J", "-L", "-R", "-D", "-b", "-c", "-E", "-m", "-S", "-W"}
)
_ASSIGNMENT: Final = re.compile(r"^[A-Za-z_]\w*=")
_WORDS: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "{", "!"})
_ENDS: Final = frozenset({"fi", "done", "esac", "}", "for", "case", "in"})


class Command(NamedTuple):
    """One command of a line."""

    words: tuple[str, ...]
    files: tuple[tuple[str, str], ...]  # path and action of each redirection that writes
    stdin: str | None  # the text that it reads, if the line tells it
    source: str | None  # the file that it reads


def commands_of(line: str) -> Iterator[Command]:
    """Each command of a line."""
    bodies: list[str] = []

    def marked(match: re.Match[str]) -> str:
        bodies.append(match[4])
        return f"<<{_MARK}{len(bodies) - 1} {match[3]}"

    line = _HEREDOC.sub(marked, _BACKTICKS.sub(r"$( \1 )", line))
    piped: str | None = None
    words: list[str] = []
    for token in [*_tokens(line), ";"]:
        if token not in _SEPARATORS:
            words.append(token)
        elif words:
            command = _redirected(words, bodies)
            yield command if command.stdin is not None or piped is None else command._replace(stdin=piped)
            piped = (
                " ".join(command.words[1:]) if token == "|" and command.words[:1] in (("echo",), ("printf",)) else None
            )
            words = []


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is never closed
        return line.split()


def _redirected(words: Sequence[str], bodies: Sequence[str]) -> Command:
    """A command without its redirections, and these."""
    rest: list[str] = []
    files: list[tuple[str, str]] = []
    stdin: str | None = None
    source: str | None = None
    tokens = iter(words)
    for word in tokens:
        if word in _REDIRECTIONS or word in _READING:
            if rest and len(rest[-1]) == 1 and rest[-1].isdigit():  # `2>` is three tokens
                rest.pop()
            target = next(tokens, "")
            if word in _REDIRECTIONS and target not in _NO_FILES and target and not target.isdigit():
                files.append((target, _REDIRECTIONS[word]))
            elif word == "<<<":
                stdin = target
            elif word in ("<<", "<<-") and target.startswith(_MARK):
                stdin = bodies[int(target.removeprefix(_MARK))]
            elif word == "<":
                source = target
        else:
            rest.append(word)
    return Command(tuple(rest), tuple(files), stdin, source)


def behind_prefixes(words: Sequence[str]) -> list[str]:
    """A command without what stands before its program: assignments, ``sudo``, ``timeout 5``, ``then``."""
    rest = list(words)
    behind, valued, takes = False, tuple[str, ...](), False
    while rest:
        word = rest[0].rpartition("/")[2]
        if behind and rest[0] == "-c" and len(rest) > 1:  # flock lock -c "..."
            return ["sh", *rest]
        if rest[0] in _WORDS:
            rest = rest[1:]
        elif rest[0] in _ENDS:
            return []
        elif behind and rest[0] in valued:
            rest = rest[2:]
        elif behind and word.startswith("-"):
            rest = rest[1:]
        elif takes:
            rest, takes = rest[1:], False
        elif word in _RUNS and rest[1:2] != ["run"]:
            break
        elif word in _PREFIXES or _ASSIGNMENT.match(rest[0]):
            behind, valued = behind or word in _PREFIXES, _PREFIX_VALUE.get(word, valued)
            takes = word in _TAKES_ONE
            rest = rest[2 if word in _RUNS else 1 :]
        else:
            break
    return rest


def inner_line(program: str, arguments: Sequence[str]) -> str | None:
    """The line that a program runs which is a shell itself, or starts another one; None if it is neither."""
    if program in _SHELLS:
        return value_after(arguments, ("-c", "-lc", "-ec", "-euc", "-xc"))
    if program == "eval":
        return " ".join(arguments)
    if program == "find":
        at = next((place for place, word in enumerate(arguments) if word in ("-exec", "-execdir", "-ok")), None)
        return None if at is None else shlex.join(word for word in arguments[at + 1 :] if word not in (";", "+", "{}"))
    if program == "ssh":
        rest = list(arguments)
        while rest and rest[0].startswith("-"):
            rest = rest[2 if rest[0] in _SSH_VALUE else 1 :]
        return " ".join(rest[1:]) or None
    return None


def value_after(arguments: Sequence[str], options: Sequence[str]) -> str | None:
    """The value of the first of these options that is there."""
    for index, word in enumerate(arguments):
        if word in options and index + 1 < len(arguments):
            return arguments[index + 1]
        for option in options:
            if option.startswith("--") and word.startswith(option + "="):
                return word.partition("=")[2]
    return None
