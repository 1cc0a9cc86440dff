"""
Look whether pages of the site load anything from elsewhere: ``python docs/_ext/check_pages.py build/docs``.

Links may lead anywhere; scripts, styles, fonts and pictures have to be the site's own.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data", "link": "href"}
_ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
_IN_STYLES = re.compile(r"(?:@import\s+|url\()\s*['\"]?((?:https?:)?//[^'\")\s]+)")


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(_LOADED.get(tag, ""))
        if address and _ELSEWHERE.match(address):
            self.addresses.append(address)


def loaded_from_elsewhere(site: Path) -> list[str]:
    """Return what is, each with the file that loads it."""
    found = []
    for file in sorted(site.rglob("*.html")):
        loads = _Loads()
        loads.feed(file.read_text())
        found += [f"{file.relative_to(site)}: {address}" for address in loads.addresses]
    for file in sorted(site.rglob("*.css")):
        found += [f"{file.relative_to(site)}: {address}" for address in _IN_STYLES.findall(file.read_text())]
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    pages = list(folder.rglob("*.html"))
    if not pages:
        sys.exit(f"There are no pages in {folder}")
    if unread := [page.name for page in pages if ".. list-table::" in page.read_text()]:
        sys.exit(f"Pages show a directive in place of what it makes: {', '.join(unread)}")
    if elsewhere := loaded_from_elsewhere(folder):
        sys.exit("Pages load from elsewhere:\n" + "\n".join(elsewhere))
    print(f"{len(pages)} pages, which load nothing from elsewhere")
