"""The same values as YAML in many layouts, with a remark wherever one may stand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any


class Untidy:
    """Writes values as somebody in a hurry would. ``remarks`` are the comments that were written."""

    def __init__(self, random: Random, remarks: float = 0.3) -> None:
        self._random = random
        self._often = remarks
        self._number = count()
        self.remarks: list[str] = []

    def text(self, value: dict[str, Any]) -> str:
        """A whole file."""
        lines = list(self._alone(0))
        if self._random.random() < 0.3:
            lines.append("---")
        lines += self._block(value, 0)
        lines += self._alone(self._random.choice([0, 2, 4]))
        end = self._random.choice(["\n", "\n", "\r\n"])
        return end.join(lines) + self._random.choice(["", end, end * 3])

    def _remark(self) -> str:
        text = self._random.choice(["# {}", "#{}", "#   {}: 'x', [a]", "# - {}", "## {} # #"]).format(
            f"remark {next(self._number)}"
        )
        self.remarks.append(text)
        return text

    def _alone(self, indent: int) -> Iterator[str]:
        while self._random.random() < self._often / 2:
            yield "" if self._random.random() < 0.3 else " " * indent + self._remark()

    def _tail(self) -> str:
        return f"  {self._remark()}" if self._random.random() < self._often else self._random.choice(["", "  "])

    def _block(self, value: Any, indent: int) -> Iterator[str]:
        step = self._random.choice([1, 2, 4])
        margin = " " * indent
        if isinstance(value, list):
            for one in value:
                yield from self._alone(indent)
                if isinstance(one, dict) and one and self._random.random() < 0.6:
                    below = list(self._block(one, indent + 2))
                    while below[0].lstrip(" ").startswith("#") or not below[0].strip():
                        first = below.pop(0)
                        yield margin + first.strip()
                    yield margin + "- " + below[0].lstrip(" ")
                    yield from below[1:]
                else:
                    yield f"{margin}- {self._flow(one)}{self._tail()}"
            return
        keys = list(value)
        self._random.shuffle(keys)
        for key in keys:
            yield from self._alone(indent)
            below = value[key]
            if isinstance(below, dict | list) and below and self._random.random() < 0.6:
                yield f"{margin}{self._key(key)}:{self._tail()}"
                deeper = indent if isinstance(below, list) and self._random.random() < 0.4 else indent + step
                yield from self._block(below, deeper)
            elif isinstance(below, str) and below and self._random.random() < 0.1:
                yield f"{margin}{self._key(key)}: {self._random.choice(['|-', '>-', '|-'])}{self._tail()}"
                yield " " * (indent + step) + below
            else:
                yield f"{margin}{self._key(key)}: {self._flow(below, indent + step)}{self._tail()}"

    def _key(self, key: str) -> str:
        return self._random.choice([key, f"'{key}'", f'"{key}"'])

    def _flow(self, value: Any, indent: int = 0) -> str:
        comma = self._random.choice([", ", ",", " ,  "])
        if indent and isinstance(value, dict | list) and len(value) == 2 and self._random.random() < 0.3:
            comma = f",  {self._remark()}\n" + " " * indent
        if isinstance(value, dict):
            keys = list(value)
            self._random.shuffle(keys)
            return "{" + comma.join(f"{self._key(key)}: {self._flow(value[key])}" for key in keys) + "}"
        if isinstance(value, list):
            return "[ " + comma.join(self._flow(one) for one in value) + "]"
        if isinstance(value, str):
            return self._quoted(value)
        if value is None or isinstance(value, bool):
            return {True: "true", False: "false", None: "null"}[value]
        return str(value)

    def _quoted(self, value: str) -> str:
        single = "'" + value.replace("'", "''") + "'"
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return self._random.choice([single, f'"{escaped}"'])
