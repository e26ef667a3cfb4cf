"""Prefect's server and the console in one process, on one port."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.cli.open_streams import key_for, open_stream
from tests.cli.signers import program
from tests.ports import free_port
from tests.web.desks import POLICY

pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")


def test_up_serves_both_on_one_port(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    port = free_port()
    key = key_for(f"sqlite:///{tmp_path}/gov.db")
    own = {
        "HOME": str(tmp_path),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_URL": "",
        "GOVFLOW_POLICY": str(tmp_path / "policy.yaml"),
        "GOVFLOW_DATABASE_URL": f"sqlite:///{tmp_path}/gov.db",
    }
    with program("up", "--serve", "prefect", "--port", str(port), cwd=tmp_path, **own) as up:
        up.until(rf"govflow console: http://127\.0\.0\.1:{port}/govflow$")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"accept": "text/html"}, timeout=120) as client:
            for _ in range(2400):
                try:
                    if client.get("/api/health").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            assert client.get("/api/health").json() is True
            assert client.get("/govflow/health").text == "ok\n"
            led = client.get("/govflow/", headers={"origin": "https://evil.example"})
            assert (led.status_code, led.headers["location"]) == (303, "/govflow/sign-in?next=%2F")
            assert "access-control-allow-origin" not in led.headers
            page = client.get(led.headers["location"])
            assert page.status_code == 200 and 'href="/govflow/static/' in page.text
        with open_stream(f"http://127.0.0.1:{port}/govflow", key) as stream:
            assert up.end() == 0
            assert stream.ended(), stream.error
    assert up.said[-1] == "govflow up: ended"
    assert "exceeded" not in "\n".join(up.said), "an open page holds up neither of the two"
