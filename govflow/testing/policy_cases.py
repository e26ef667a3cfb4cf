"""Policy cases as tests: parametrised, or collected from files named ``*.policy-test.yaml``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from govflow.errors import GovflowError

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from govflow.policy.case_files import Case
    from govflow.policy.engine import Engine
    from govflow.policy.model import Decision, PolicyEngine, PolicyRequest


class CaseUnderTest:
    """One case of a file, with the engine that judges it."""

    def __init__(self, case: Case, engine: Engine) -> None:
        self.case = case
        self.engine = engine

    @property
    def name(self) -> str:
        """As the file says it."""
        return self.case.name

    @property
    def decision(self) -> Decision:
        """What the policy says of the case's request."""
        return self.engine.decide(self.case.request)

    def check(self) -> None:
        """Fail with what was expected, what was decided and why, unless they agree."""
        __tracebackhide__ = True
        from govflow.policy.cases import judge_cases
        from govflow.services.describe.policy_cases import failure_text

        for result in judge_cases([self.case], self.engine):
            if not result.passed:
                pytest.fail(failure_text(result), pytrace=False)

    def __repr__(self) -> str:
        return f"<case {self.name!r}>"


def policy_cases(path: str | os.PathLike[str], *, policy: str | os.PathLike[str] | None = None) -> pytest.MarkDecorator:
    """Parametrise a test by the cases of a file. It gets each as ``case``.

    ::

        @policy_cases("acme.policy-test.yaml")
        def test_acme(case):
            case.check()

    Args:
        path: the file of cases, from the folder of the test's own file.
        policy: judge by this file, likewise from there, and not by the one that the cases name.

    Raises:
        PolicyError: a file cannot be used.
    """
    folder = Path(sys._getframe(1).f_globals["__file__"]).parent
    found = load_cases(folder / path, None if policy is None else folder / policy)
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in found])


def decided(policy: PolicyEngine | str | os.PathLike[str], request: PolicyRequest | Mapping[str, Any]) -> Decision:
    """What a policy says of one request, to be asserted on.

    Args:
        policy: an engine, or the path of a policy file.
        request: as in a file of cases, or as Python code makes it.

    Raises:
        PolicyError: the file cannot be used.
        RequestError: the mapping is no request.
    """
    from govflow.policy import Engine
    from govflow.policy.model import PolicyRequest
    from govflow.policy.request_form import request_of
    from govflow.services.read_policy import read_policy

    engine = Engine(read_policy(Path(policy))) if isinstance(policy, str | os.PathLike) else policy
    return engine.decide(request if isinstance(request, PolicyRequest) else request_of(request))


def load_cases(path: Path, policy: Path | None = None) -> list[CaseUnderTest]:
    """The cases of a file, with the policy that it names, or the configured one.

    Raises:
        PolicyError: a file cannot be used.
    """
    from govflow.policy import Engine
    from govflow.policy.cases import check_cases
    from govflow.services.judge_policy_cases import document_of, read_case_file
    from govflow.services.read_policy import read_policy
    from govflow.testing.reading import open_project

    file = read_case_file(path)
    if policy is not None:
        document = read_policy(policy)
    else:
        document = document_of(file, path, lambda: open_project(None, None).document, {})
    check_cases(file, document)
    engine = Engine(document)
    return [CaseUnderTest(case, engine) for case in file.cases]


class CaseFileCollector(pytest.File):
    """A file named ``*.policy-test.yaml``: one test for each case."""

    def collect(self) -> Iterable[pytest.Item]:
        """Read file and policy, in pytest's root folder."""
        with chdir(self.config.rootpath):
            yield from self._items()

    def _items(self) -> Iterator[pytest.Item]:
        for case in load_cases(self.path):
            yield CaseItem.from_parent(self, name=case.name, case=case)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """A file that cannot be used is said as the command says it."""
        error = excinfo.value
        if isinstance(error, GovflowError):
            return f"error[{error.code}]: {error.message}" + (f"\n  mend: {error.mend}" if error.mend else "")
        return super().repr_failure(excinfo)


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: CaseUnderTest, **others: Any) -> None:
        super().__init__(**others)
        self.case = case
        self.add_marker("govflow")

    def runtest(self) -> None:
        """Judge it."""
        self.case.check()

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """File and line of the case."""
        line = self.case.case.line
        return self.path, None if line is None else line - 1, self.name
