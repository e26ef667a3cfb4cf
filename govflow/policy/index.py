"""Which rules can match at all, found without asking them.

A rule whose resources are ``dataset://phi/*`` and ``*payroll*`` matches only where the resource holds the word ``phi``
or the letters ``payroll``. So every rule is filed under the rarest literal of each of its globs (a whole word, else
three letters in a row), or under its subjects where those are rarer; one request then asks the few rules that are
filed under what it says, and those that are filed under nothing. Filing never leaves out a rule that matches: a
property test holds it to asking all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from govflow.policy.holes import TOKEN

_WORD: Final = re.compile(r"[0-9A-Za-z_-]+")
_GRAM: Final = 3

Rule = TypeVar("Rule")


class Literals(NamedTuple):
    """What every text that matches a glob holds."""

    words: frozenset[str]  # with no other letter, digit, ``_`` or ``-`` beside them
    grams: frozenset[str]  # three characters in a row


@dataclass(frozen=True, slots=True)
class Targets:
    """What a rule is filed by."""

    resources: tuple[Literals, ...] | None  # of each glob; None: every resource
    subjects: frozenset[str] | None  # None: everybody


def literals(glob: str) -> Literals:
    """The words and the letters that a text must hold for the glob to match it."""
    words: set[str] = set()
    grams: set[str] = set()
    pieces: list[str] = [""]  # what stands between wildcards
    for token in TOKEN.findall(glob):
        if token[0] in "*?" or len(token) > 1:
            pieces.append("")
        else:
            pieces[-1] += token
    for number, piece in enumerate(pieces):
        for word in _WORD.finditer(piece):
            open_before = word.start() == 0 and number > 0
            open_behind = word.end() == len(piece) and number < len(pieces) - 1
            if not open_before and not open_behind:
                words.add(word[0])
        grams.update(_grams(piece))
    return Literals(frozenset(words), frozenset(grams))


class Index(Generic[Rule]):
    """Rules by what they need. Rules are told by their position, and come back in its order."""

    def __init__(self, rules: Sequence[Rule], targets: Callable[[Rule], Targets]) -> None:
        self._rules = tuple(rules)
        self._by_word: dict[str, list[int]] = {}
        self._by_gram: dict[str, list[int]] = {}
        self._by_subject: dict[str, list[int]] = {}
        self._always: list[int] = []
        wanted = [targets(rule) for rule in self._rules]
        found = [one.resources or () for one in wanted]
        words = Counter(word for globs in found for held in globs for word in held.words)
        grams = Counter(gram for globs in found for held in globs if not held.words for gram in held.grams)
        subjects = Counter(subject for one in wanted for subject in one.subjects or ())
        for position, (one, globs) in enumerate(zip(wanted, found, strict=True)):
            self._file(position, one, globs, words, grams, subjects)
        self.subjects: frozenset[str] = frozenset(self._by_subject)
        """The selectors under which a rule is filed: what of a request's may change the answer."""
        self.named: frozenset[str] = frozenset(subjects)
        """The selectors that any rule names."""

    def _file(
        self,
        position: int,
        one: Targets,
        globs: Sequence[Literals],
        words: Counter[str],
        grams: Counter[str],
        subjects: Counter[str],
    ) -> None:
        under_words = {_rarest(held.words, words) for held in globs if held.words}
        under_grams = {_rarest(held.grams, grams) for held in globs if not held.words and held.grams}
        filed = one.resources is not None and all(held.words or held.grams for held in globs)
        rate = sum(words[word] for word in under_words) + sum(grams[gram] for gram in under_grams)
        if one.subjects is not None and (not filed or sum(subjects[name] for name in one.subjects) < rate):
            _add(self._by_subject, one.subjects, position)
        elif filed:
            _add(self._by_word, under_words, position)
            _add(self._by_gram, under_grams, position)
        else:
            self._always.append(position)

    def candidates(self, resource: str, selectors: Set[str]) -> tuple[Rule, ...]:
        """The rules that may match, in order: all that do are among them.

        Args:
            resource: in normal form, without holes.
            selectors: of the subject; those outside :attr:`subjects` make no difference.
        """
        found = [self._by_word[word] for word in set(_WORD.findall(resource)) if word in self._by_word]
        if self._by_gram:
            found += [self._by_gram[gram] for gram in _grams(resource) if gram in self._by_gram]
        found += [self._by_subject[name] for name in self.subjects.intersection(selectors)]
        if not found:
            return tuple(self._rules[position] for position in self._always)
        positions = set(self._always).union(*found)
        return tuple(self._rules[position] for position in sorted(positions))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them."""
        return self._rules


def _grams(text: str) -> set[str]:
    return {text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1)}


def _rarest(held: Iterable[str], counts: Counter[str]) -> str:
    return min(held, key=lambda literal: (counts[literal], -len(literal), literal))


def _add(index: dict[str, list[int]], under: Iterable[str], position: int) -> None:
    for key in under:
        index.setdefault(key, []).append(position)
