"""A person at Prefect's own pages, in a real browser: either version of its UI, by what stands on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Locator, Page

from tests.web.desks import PATIENCE

Version = Literal["v1", "v2"]

_LOOKS: Final = 240  # half a second apart
_LOCAL: Final = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


class RunPage:
    """The page of one flow run.

    Attributes:
        foreign: addresses outside this machine that the page asked for; none of them was reached.
    """

    def __init__(self, browser: Browser, api: str, version: Version, run_id: str, pictures: Path) -> None:
        self.version = version
        self._url = f"{api.removesuffix('/api')}{'/v2' if version == 'v2' else ''}/runs/flow-run/{run_id}"
        self._pictures = pictures
        self.foreign: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 1100})
        self.page.set_default_timeout(PATIENCE)
        self.page.route("**/*", self._only_here)

    def _only_here(self, route: object) -> None:
        url: str = route.request.url  # type: ignore[attr-defined]  # Playwright's Route
        if url.startswith(_LOCAL):
            route.continue_()  # type: ignore[attr-defined]
        else:
            self.foreign.append(url)
            route.abort()  # type: ignore[attr-defined]

    def open(self) -> None:
        """Go to the page, fresh, as somebody does who follows a link."""
        self.page.goto(self._url)
        self.page.get_by_text("Artifacts", exact=True).first.wait_for()

    def tab(self, name: str, *said: str) -> str:
        """The text of the page with that tab open, once it says all of that."""
        self.open()
        self.page.get_by_text(name, exact=True).first.click()
        return self._text(*said)

    def _text(self, *said: str) -> str:
        """The text of the page, once it says all of that; what it says at last, if it never does."""
        for _ in range(_LOOKS):
            text = self.page.locator("body").inner_text()
            if all(one in text for one in said):
                break
            self.page.wait_for_timeout(500)
        return text

    def artifact(self, key: str, heading: str, *said: str) -> str:
        """The text of an artifact of the run, as a person gets to it from the run's page, once it says all of that."""
        self.tab("Artifacts")
        self.page.get_by_text(key).first.click()
        self.page.wait_for_url("**/artifacts/**")
        if self.version == "v2":  # lists the versions first
            self.page.locator("a[href*='/artifacts/artifact/']").first.click()
        self.page.wait_for_url("**/artifacts/artifact/**")
        self.page.get_by_role("heading", name=heading, exact=True).wait_for()
        return self._text(*said)  # the heading is there before the tables below it

    def form(self) -> Locator:
        """Open the form of Resume."""
        self.open()
        if self.version == "v1":
            self.page.get_by_role("button", name="Resume").first.click()
        else:
            self.page.get_by_role("button", name="Open menu").first.click()
            self.page.get_by_role("menuitem", name="Resume").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("Token (required)").wait_for()
        dialog.get_by_text("who may approve").wait_for()  # v2 asks for the text once the form is there
        return dialog

    def answer(self, token: str, decision: str, reason: str, picture: str) -> None:
        """Fill the form and press its button."""
        dialog = self.form()
        token_field = "textarea >> nth=0" if self.version == "v1" else "input[type=password]"
        dialog.locator(token_field).fill(token)
        if self.version == "v1":
            dialog.locator(".p-select-button__control").press("ArrowDown")
            self.page.locator(".p-select-option", has_text=decision).click()
        else:
            dialog.get_by_role("button", name="Select Decision").click()
            self.page.get_by_role("option", name=decision).click()
        dialog.locator("textarea").last.fill(reason)
        self.picture(f"{picture}-filled")
        button = "Submit" if self.version == "v1" else "Resume"
        dialog.get_by_role("button", name=button).click()
        dialog.wait_for(state="hidden")

    def picture(self, name: str) -> None:
        """Keep what is seen, for people."""
        self.page.screenshot(path=self._pictures / f"{self.version}-{name}.png", full_page=True)
