"""The closed sets of actions and providers, and how to register more. What is not in them is refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from govflow.errors import VocabularyError
from govflow.ir.actions import ACTIONS, PROVIDERS
from govflow.ir.models import Effect, Plan, Step

WAITS: Final = frozenset({"pause", "suspend", "auto"})
"""Words that say how a flow waits for people, where the name of an approval rule may stand; no rule is called so."""

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")
_PROVIDER: Final = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The actions and providers that a plan may name, each with a line of meaning."""

    actions: Mapping[str, str]
    providers: Mapping[str, str]

    @classmethod
    def default(cls) -> Vocabulary:
        """The vocabulary that ships (:mod:`govflow.ir.actions`)."""
        return cls(ACTIONS, PROVIDERS)

    def extended(self, actions: Iterable[str] = (), providers: Iterable[str] = ()) -> Vocabulary:
        """A vocabulary with more words; give a mapping of word to meaning to have them explained.

        Raises:
            VocabularyError: an action is not ``domain:verb``, or a provider is not one lower-case word. A wildcard is
                neither: the sets stay closed.
        """
        return Vocabulary(
            {**self.actions, **_words("action", actions, _ACTION, "domain:verb in lower case, as in crm:merge")},
            {**self.providers, **_words("provider", providers, _PROVIDER, "one lower-case word, as in acme-crm")},
        )

    def check(self, plan: Plan) -> None:
        """Refuse a plan that names an unknown action or provider.

        Raises:
            VocabularyError: names the first such step, the field, the value, what was perhaps meant and how to
                register it; ``details["unknown"]`` lists all of them.
        """
        unknown = [
            (step.step_id, field, value)
            for step in plan.steps
            for deed in _deeds(step)
            for field, value, known in (
                ("action", deed.action, self.actions),
                ("provider", deed.provider, self.providers),
            )
            if value not in known
        ]
        if unknown:
            step_id, field, value = unknown[0]
            raise VocabularyError(
                f"step {step_id}: the {field} {value!r} is not registered",
                mend=self._mend(field, value),
                details={"unknown": [{"step": s, "field": f, "value": v} for s, f, v in unknown]},
            )

    def _mend(self, field: str, value: str) -> str:
        known = self.actions if field == "action" else self.providers
        close = difflib.get_close_matches(value, known, n=3, cutoff=0.6)
        meant = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
        register = f"`{field}s: [{value}]` in the policy file, or Vocabulary.default().extended({field}s=[{value!r}])"
        return f"{meant}Correct it, or register it: {register}."


def _deeds(step: Step) -> Iterator[Step | Effect]:
    """What names an action and a provider: the step, and what its code was found to do."""
    yield step
    yield from step.effects


def _words(field: str, words: Iterable[str], shape: re.Pattern[str], expected: str) -> dict[str, str]:
    """The words with their meanings, each checked for its shape."""
    if isinstance(words, str):
        words = (words,)  # one word, not its letters
    given = dict(words) if isinstance(words, Mapping) else dict.fromkeys(words, "registered by the user")
    for word in given:
        if not shape.fullmatch(word):
            raise VocabularyError(f"{word!r} cannot be registered as {field}", mend=f"Write it as {expected}.")
    return given
