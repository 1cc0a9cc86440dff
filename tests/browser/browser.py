"""Pages in a headless Chromium, by what a person reads on them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from axe_core_python.selenium import Axe
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

__all__ = ["CHROMIUM", "DRIVER", "Browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
T = TypeVar("T")
#: Seconds that a page has to show what it should.
_PATIENCE = 60.0


class Browser:
    """
    A browser. Everything waits until the page shows what is asked for.

    :param url: what paths are below.
    :param pictures: where :meth:`picture` puts screenshots; None for nowhere.
    """

    def __init__(self, url: str, *, pictures: Path | None = None) -> None:
        self.url = url
        self.pictures = pictures
        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for argument in (
            "--headless=new",
            "--window-size=1250,980",
            "--disable-dev-shm-usage",
            "--force-prefers-reduced-motion",
        ):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        self._driver = Chrome(options=options, service=Service(DRIVER))

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()

    def log_in(self, user: str, password: str) -> None:
        """Log in to Airflow."""
        self._driver.get(self.url)
        self.fill("username", user)
        self.fill("password", password)
        self.press("Sign in")
        self.until(lambda: "/login" not in self._driver.current_url, "the login is over")

    def open(self, path: str) -> None:
        """Open a page, by its path or its whole address."""
        self._driver.get(path if path.startswith("http") else self.url + path)

    @contextmanager
    def inside(self, title: str) -> Iterator[None]:
        """Look at what is in a frame of the page."""
        self._driver.switch_to.frame(self.find(f"//iframe[@title='{title}']"))
        try:
            yield
        finally:
            self._driver.switch_to.default_content()

    @property
    def address(self) -> str:
        """Where the page is."""
        return self._driver.current_url

    def run(self, script: str) -> Any:
        """Run JavaScript in the page, and return what it returns."""
        return self._driver.execute_script(script)

    def barriers(self) -> list[str]:
        """Return what axe finds in the page that keeps somebody from using it: rule, words and elements."""
        found = Axe().run(self._driver)["violations"]
        return [
            f"{rule['id']}: {rule['help']}: {'; '.join(node['html'] for node in rule['nodes'])}"
            for rule in found
        ]

    def spoken(self) -> list[tuple[str, str]]:
        """Return role and name of what the page gives a screen reader, in the order of reading."""
        nodes = self._driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        by_id = {node["nodeId"]: node for node in nodes}
        found, left = [], [nodes[0]["nodeId"]]
        while left:
            node = by_id[left.pop()]
            if not node["ignored"]:
                found.append((node["role"]["value"], node.get("name", {}).get("value", "")))
            left += reversed(node.get("childIds", []))
        return found

    @property
    def text(self) -> str:
        """All that is to be read on the page."""
        return self._driver.find_element(By.TAG_NAME, "body").text

    def until(self, condition: Callable[[], T | None], what: str, within: float = _PATIENCE) -> T:
        """
        Return what a condition gives as soon as that is something.

        :raises AssertionError: if it stays nothing; the message has the page's text.
        """
        passing = (
            NoSuchElementException,
            StaleElementReferenceException,
            ElementClickInterceptedException,
        )
        try:
            found: T | None = WebDriverWait(self._driver, within, 0.2, passing).until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"not within {within:g} s: {what}; the page says\n{self.text}") from error
        assert found is not None
        return found

    def reads(self, text: str, within: float = _PATIENCE) -> None:
        """Wait until the page shows a text; a line break counts as a space."""
        self.until(lambda: text in " ".join(self.text.split()), f"{text!r} is there", within)

    def find(self, xpath: str) -> WebElement:
        """Return the first element that is to be seen."""

        def first() -> WebElement | None:
            found = self._driver.find_elements(By.XPATH, xpath)
            return next((each for each in found if each.is_displayed()), None)

        return self.until(first, f"an element {xpath}")

    def press(self, name: str, *, within: str = "") -> None:
        """Press a button by its text or label, within the element of an XPath."""
        xpath = f"{within}//button[normalize-space()='{name}' or @aria-label='{name}']"

        def click() -> bool:
            button = self._driver.find_element(By.XPATH, xpath)
            self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
            button.click()
            return True

        self.until(click, f"the button {name!r} can be pressed")

    def fill(self, field: str, text: str) -> None:
        """Type into a field by its name."""
        self.find(f"//*[@name='{field}']").send_keys(text)

    def choose(self, text: str) -> None:
        """Choose from the list of the only combobox."""
        self.find("//*[@role='dialog']//input[@role='combobox']").send_keys(text)
        self.find(f"//*[@role='option'][normalize-space()='{text}']")
        self.find("//*[@role='dialog']//input[@role='combobox']").send_keys(Keys.ENTER)

    def hotkey(self, key: str) -> None:
        """Press a key that the page listens to."""
        self._driver.find_element(By.TAG_NAME, "body").send_keys(key)

    def attributes(self, xpath: str, *names: str) -> dict[str, Any]:
        """Return attributes of an element."""
        element = self.find(xpath)
        return {name: element.get_attribute(name) for name in names}

    def picture(self, name: str, xpath: str | None = None) -> None:
        """Keep a screenshot of the page, or of one element, if that was asked for."""
        if self.pictures is None:
            return
        self.pictures.mkdir(parents=True, exist_ok=True)
        time.sleep(1)  # What has just come may still be sliding in.
        png = self._driver.get_screenshot_as_png() if xpath is None else self.find(xpath).screenshot_as_png
        (self.pictures / f"{name}.png").write_bytes(png)
