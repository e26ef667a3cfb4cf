"""Plans and policies in a project's own tests: what the pytest plugin gives (docs/testing.md).

pytest loads :mod:`govflow.testing.plugin` in every project of the environment that govflow is installed in. So nothing
here imports a planner, a policy or Prefect before a test asks for a plan or a case.
"""

from govflow.testing.plan import PlanUnderTest, StepUnderTest
from govflow.testing.policy_cases import decided, policy_cases
from govflow.testing.snapshot import Snapshot

__all__ = ["PlanUnderTest", "Snapshot", "StepUnderTest", "decided", "policy_cases"]
