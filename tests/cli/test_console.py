"""`govflow console` as a process, and whom it listens to."""

from __future__ import annotations

import http.client
import signal
from pathlib import Path

import pytest

from govflow.console.serve import check_host
from govflow.errors import SettingsError
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.cli.open_streams import key_for, open_stream
from tests.cli.signers import PATIENCE, eventually, program
from tests.ports import free_port


def asked(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers={"accept": "text/html"})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("location", "")
    connection.close()
    return found


def answers(port: int) -> bool:
    try:
        return asked(port, "/health") == (200, "")
    except ConnectionRefusedError:
        return False


def test_the_console_says_where_it_is_and_how_the_first_person_comes_in(repo: Path) -> None:
    port = free_port()
    with program("console", "--port", str(port), cwd=repo) as console:
        console.until(rf"^govflow console: http://127\.0\.0\.1:{port}$")
        console.until("govflow people invite NAME")
        assert eventually(lambda: answers(port))
        assert asked(port, "/") == (303, "/sign-in?next=%2F")
        assert console.end() == 0
        assert console.said[-1] == "govflow console: ended"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_though_a_page_is_open(tmp_path: Path, how: signal.Signals) -> None:
    url, port = f"sqlite:///{tmp_path}/gov.db", free_port()
    key = key_for(url)
    with program("console", "--port", str(port), cwd=tmp_path, GOVFLOW_DATABASE_URL=url) as console:
        console.until(r"^govflow console: http")
        with open_stream(f"http://127.0.0.1:{port}", key) as stream:
            assert console.end(how) == 0
            assert stream.ended(), stream.error
        assert console.said[-1] == "govflow console: ended"
        assert "exceeded" not in "\n".join(console.said), "nothing was waited for until a time-out, and cut off then"


def test_up_ends_at_once_though_a_page_is_open(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path}/gov.db", free_port()
    key = key_for(url)
    words = ("up", "--serve", "console", "--port", str(port))
    with program(*words, cwd=tmp_path, HOME=str(tmp_path), GOVFLOW_DATABASE_URL=url) as up:
        up.until(r"^govflow console: http")
        with open_stream(f"http://127.0.0.1:{port}", key) as stream:
            assert up.end(signal.SIGINT) == 0
            assert stream.ended(), stream.error
        assert up.said[-1] == "govflow up: ended"
        assert "exceeded" not in "\n".join(up.said)


def test_other_machines_are_not_served_in_clear(repo: Path, run: Run) -> None:
    refused = run("console", "--host", "0.0.0.0")
    assert refused.code == 2
    assert "without https" in refused.err and "GOVFLOW_CONSOLE_URL" in refused.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "gov.example.org"])
def test_a_proxy_with_https_may_stand_on_another_machine(host: str) -> None:
    with pytest.raises(SettingsError):
        check_host(host, load_settings())
    check_host(host, load_settings(console_url="https://gov.example.org/approvals"))


@pytest.mark.parametrize(("address", "believed"), [("", False), ("https://gov.example", True)])
def test_from_where_somebody_comes_is_said_by_a_proxy_and_by_nobody_else(
    tmp_path: Path, address: str, believed: bool
) -> None:
    """Wrong answers are counted by address: whoever could make one up would be counted for none, or for another's."""
    port, more = free_port(), {"GOVFLOW_CONSOLE_URL": address} if address else {}
    more |= {"HOME": str(tmp_path), "GOVFLOW_ANSWER_LIMIT": "1"}
    with program("console", "--port", str(port), cwd=tmp_path, **more) as console:
        console.until(r"^govflow console: http")
        assert eventually(lambda: answers(port))
        seen = set()
        for number in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            headers = {"sec-fetch-site": "same-origin", "x-forwarded-for": f"203.0.113.{number}"}
            connection.request("POST", "/sign-in/link/gfl_wrong", headers=headers)
            seen.add(connection.getresponse().status)
            connection.close()
        assert (429 in seen) is not believed and 403 in seen
        assert console.end() == 0
