"""The flights flow, governed from its plan to its evidence, in five acts. It needs no server, key or account.

python demo.py [--yes]      asks you to approve as the second person; with --yes, or without a terminal, it does so
                            itself and says so
"""

from __future__ import annotations

import difflib
import json
import select
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from stage import DemoFailed, Stage, Waiting

HERE = Path(__file__).resolve().parent
FLOW = "flow.py:flights"
REQUESTER, APPROVER = "alice", "bob"
PAUSE_LIMIT = 120.0  # seconds until the run has paused
END_LIMIT = 120.0  # seconds until the run has ended after the answer

ANCHOR = "    deleted = delete_cancelled(warehouse, expected=cancelled)\n"
ONE_MORE_DELETE = "    delete_late(warehouse)\n"
ITS_TASK = '''@task(action="data:delete", provider="duckdb", resource="warehouse://{warehouse}/flights")
def delete_late(warehouse: str) -> None:
    """Makes the airports look more punctual."""
    with duckdb.connect(warehouse) as connection:
        connection.execute("DELETE FROM flights WHERE dep_delay > 120")


'''


def main(arguments: list[str]) -> int:
    """Run the five acts. 0: all of them went as they should; 1: one did not; 2: wrong use."""
    if set(arguments) - {"--yes"}:
        print(__doc__, file=sys.stderr)
        return 2
    ask = "--yes" not in arguments and sys.stdin.isatty() and sys.stdout.isatty()
    started = time.monotonic()
    try:
        with Stage() as stage:
            Demo(stage, ask).run()
    except DemoFailed as failure:
        print(f"\nThe demo stopped: {failure}\n  {failure.way_out}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Everything that the demo started has ended.", file=sys.stderr)
        return 130
    except (OSError, ValueError, LookupError, duckdb.Error, sqlite3.Error, subprocess.SubprocessError) as error:
        print(f"\nThe demo stopped: {type(error).__name__}: {error}\n  Try `govflow doctor`.", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - started:.0f} s. Nothing was left behind.")
    return 0


def act(number: int, title: str) -> None:
    """A heading."""
    print(f"\n{number}. {title}\n", flush=True)


def say(text: str) -> None:
    """Text, indented by two."""
    print("\n".join(f"  {line}".rstrip() for line in text.splitlines()), flush=True)


class Demo:
    """The five acts, on one stage."""

    def __init__(self, stage: Stage, ask: bool) -> None:
        self.stage = stage
        self.ask = ask
        self.warehouse = stage.home / "flights.duckdb"
        self.database = stage.home / "govflow.db"
        stage.environment |= {
            "GOVFLOW_DATABASE_URL": f"sqlite:///{self.database}",
            "GOVFLOW_POLICY": str(stage.home / "policy.yaml"),
            "GOVFLOW_LOCK": str(stage.home / "govflow.lock"),
            "GOVFLOW_MODE": "enforce",
            "GOVFLOW_ENVIRONMENT": "development",
            "GOVFLOW_TENANT": "demo",
            "GOVFLOW_PRINCIPAL": REQUESTER,
        }

    def run(self) -> None:
        """All acts, in their order."""
        for name in ("flow.py", "policy.yaml", "govflow.lock"):
            shutil.copy(HERE / name, self.stage.home)
        self.plan()
        self.stop()
        self.approve()
        self.edit()
        self.verify()

    def plan(self) -> None:
        """Act 1."""
        act(1, "The plan of the flow, read from its source. Nothing of it has run.")
        say(self.must("plan", FLOW).stdout)
        say("\nWhat each step does, as a hash:")
        (planned,) = json.loads(self.must("plan", FLOW, "--format", "json").stdout)["flows"]
        for step in planned["steps"]:
            say(f"  {step['step_id']:26} {step['step_hash']}")
        say(f"\n$ govflow lock {FLOW} --approve --as {APPROVER}")
        say(self.must("lock", FLOW, "--approve", "--as", APPROVER).stdout)

    def stop(self) -> None:
        """Act 2: until the run is paused."""
        act(2, f"{REQUESTER} runs the flow: it loads and cleans, then stops before the step that deletes.")
        server = self.stage.start_server()
        say(f"A Prefect server of the demo's own runs at {server}.")
        command = [sys.executable, "flow.py", self.warehouse.name]
        self.process = self.stage.spawn(command, "run.log")
        run = self.paused_run()
        request = self.open_request()
        self.request = str(request["request_id"])
        for task in self.stage.prefect("task_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"}):
            state = task["state_name"] if task["state_name"] == "Completed" else "waits: its body has not run"
            say(f"{task['name'].rsplit('-', 1)[0]:18} {state}")
        say(f"\nThe run is {run['state']['type'].title()} in Prefect ({run['state_name']}). The reason stands there:")
        say(f"  {run['state']['message']}")
        say(f"It would delete {request['summary']['records']:,} records: what it was given is part of the question.")
        say(f"\nSee it:      {server}/v2/runs/flow-run/{run['id']}")
        say(f"Approve it:  {self.by_hand()}")

    def approve(self) -> None:
        """Act 3."""
        act(3, "The person who asked cannot approve. A second one can.")
        before = self.rows()
        say(f"Rows in the warehouse: {before:,}")
        own = self.stage.govflow("approvals", "approve", self.request, "--as", REQUESTER)
        say(f"$ govflow approvals approve {self.request} --as {REQUESTER}")
        say(own.stdout + own.stderr)
        if own.returncode != 1:
            raise DemoFailed(f"{REQUESTER}'s own approval ended with {own.returncode}", "It must be refused with 1.")
        answer = self.second_person()
        if answer is not None:
            say(f"$ govflow approvals {answer} {self.request} --as {APPROVER}")
            say(self.must("approvals", answer, self.request, "--as", APPROVER).stdout)
        code = self.end_of_run()
        after = self.rows()
        (ended,) = self.stage.prefect("flow_runs/filter", {})
        say(f"The run ended {ended['state_name']} with exit code {code}. {ended['state'].get('message') or ''}")
        if code == 0:
            say(self.stage.last_lines("run.log", 3))
        say(f"Rows in the warehouse: {before:,} before, {after:,} after; {before - after:,} were deleted.")
        if code != (1 if answer == "deny" else 0):
            raise DemoFailed(f"its last lines are:\n{self.stage.last_lines('run.log')}", "Try `govflow doctor`.")

    def edit(self) -> None:
        """Act 4."""
        act(4, "Someone adds one more delete. The check that stands in CI refuses it.")
        self.must("check", FLOW)
        path = self.stage.home / "flow.py"
        old = path.read_text(encoding="utf-8")
        new = old.replace(ANCHOR, ANCHOR + ONE_MORE_DELETE).replace("@flow(", ITS_TASK + "@flow(")
        path.write_text(new, encoding="utf-8")
        changed = difflib.unified_diff(
            old.splitlines(), new.splitlines(), "flow.py", "flow.py (edited)", n=0, lineterm=""
        )
        say("\n".join(line for line in changed if not line.startswith("@@")))
        refused = self.stage.govflow("check", FLOW)
        say(f"\n$ govflow check {FLOW}")
        say(refused.stdout + refused.stderr)
        say(f"exit code {refused.returncode}")
        if refused.returncode != 1:
            raise DemoFailed("the check did not refuse the edit", "It must end with exit code 1.")

    def verify(self) -> None:
        """Act 5."""
        act(5, "The log of all this is verified; then one byte of a copy is altered.")
        say("$ govflow audit verify")
        say(self.must("audit", "verify").stdout)
        copy = self.stage.home / "copy.db"
        record = alter_one_byte(self.database, copy)
        say(f"In a copy, record {record} now names another person. One byte differs.")
        tampered = self.stage.govflow("audit", "verify", str(copy))
        say(f"$ govflow audit verify {copy.name}")
        say(tampered.stdout + tampered.stderr)
        say(f"exit code {tampered.returncode}")
        if tampered.returncode != 1 or str(record) not in tampered.stdout + tampered.stderr:
            raise DemoFailed("the altered byte was not found", f"The verdict must name record {record}.")

    def must(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``govflow`` command that has to succeed."""
        done = self.stage.govflow(*arguments)
        if done.returncode != 0:
            raise DemoFailed(
                f"`govflow {shlex.join(arguments)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip(),
                "`govflow doctor` names what is wrong with an installation.",
            )
        return done

    def paused_run(self) -> Any:
        """Wait for the pause; the run as Prefect's API tells it."""
        waiting = Waiting("the flow is running")
        while waiting.seconds < PAUSE_LIMIT:
            if self.process.poll() is not None:
                break
            for run in self.stage.prefect("flow_runs/filter", {}):
                if run["state_type"] == "PAUSED":
                    return run
            waiting.tick(0.3)
        raise DemoFailed(
            f"the run did not pause; the end of what it said:\n{self.stage.last_lines('run.log')}",
            "It has to stop before the step delete_cancelled: see policy.yaml.",
        )

    def open_request(self) -> Any:
        """The one open approval request, as the command line tells it."""
        requests = json.loads(self.must("approvals", "list", "--format", "json").stdout)["requests"]
        if len(requests) != 1:
            raise DemoFailed(f"{len(requests)} approval requests are open", "There must be one.")
        return requests[0]

    def by_hand(self) -> str:
        """The command with which anyone could approve from another terminal."""
        names = ("GOVFLOW_DATABASE_URL", "GOVFLOW_POLICY", "GOVFLOW_TENANT")
        settings = " ".join(f"{name}={shlex.quote(self.stage.environment[name])}" for name in names)
        command = Path(sys.executable).with_name("govflow")
        return f"{settings} {command} approvals approve {self.request} --as {APPROVER}"

    def second_person(self) -> str | None:
        """``approve`` or ``deny``; None when someone has answered elsewhere."""
        if not self.ask:
            say(f"Nobody was asked (--yes, or no terminal): the demo now plays {APPROVER}, the second person.")
            return "approve"
        print(f"  Approve as {APPROVER}? [y/n], or answer in Prefect or in another terminal: ", end="", flush=True)
        while self.process.poll() is None:
            if not select.select([sys.stdin], [], [], 0.5)[0]:
                continue
            line = sys.stdin.readline()
            if line.strip().lower() in {"y", "yes"}:
                return "approve"
            if not line or line.strip().lower() in {"n", "no"}:
                return "deny"
            print("  y or n: ", end="", flush=True)
        print()
        return None

    def end_of_run(self) -> int:
        """Wait until the run's process has ended; its exit code."""
        waiting = Waiting("the run goes on")
        while self.process.poll() is None:
            if waiting.seconds > END_LIMIT:
                raise DemoFailed(f"the run did not end:\n{self.stage.last_lines('run.log')}", "Run the demo again.")
            waiting.tick()
        return int(self.process.returncode)

    def rows(self) -> int:
        """How many flights the warehouse holds, counted there."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            row = connection.execute("SELECT count(*) FROM flights").fetchone()
        assert row is not None
        return int(row[0])


def alter_one_byte(database: Path, copy: Path) -> int:
    """Copy a log and change one byte of the record of the vote. Returns the sequence number of that record.

    Whoever holds the file can drop the triggers that refuse an UPDATE: that is what the hashes are for.
    """
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        for (trigger,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            target.execute(f'DROP TRIGGER "{trigger}"')
        seq, body = target.execute(
            "SELECT seq, body FROM audit_record WHERE event = 'approval.vote' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        altered = bytes(body).replace(f'"{APPROVER}"'.encode(), f'"r{APPROVER[1:]}"'.encode(), 1)
        if altered == bytes(body):
            raise DemoFailed("the record of the vote does not name the voter", "Run `govflow audit tail`.")
        target.execute("UPDATE audit_record SET body = ? WHERE seq = ?", (altered, seq))
        target.commit()
    return int(seq)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
