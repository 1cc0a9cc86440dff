"""
Call every operation of a local Snowball with a client of which nobody here wrote a line.

``python -m tests.clients --results tests/clients/RESULTS.md``, or ``make clients``. It takes Node.js and npm,
which fetches the AWS SDK for JavaScript into a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import botocore.loaders

from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.journey import ERRORS

JAVASCRIPT = Path(__file__).with_name("javascript")
SDK = "@aws-sdk/client-snowball"


def main() -> int:
    """Run the client, and say what is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--results", type=Path, help="a page to which a dated row is added")
    asked = parser.parse_args()
    if not shutil.which("npm"):
        parser.exit(1, "npm is not there: install Node.js\n")
    with tempfile.TemporaryDirectory(prefix="clients-") as folder, SnowballServer() as server:
        place = Path(folder)
        for name in ("package.json", "operations.mjs"):
            shutil.copy(JAVASCRIPT / name, place)
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=place,
            check=True,
        )
        done = subprocess.run(
            ["node", "operations.mjs"],
            cwd=place,
            env={
                **os.environ,
                "AWS_ENDPOINT_URL_SNOWBALL": server.endpoint_url,
                "REQUESTS_THAT_FAIL": json.dumps({name: members for name, (members, _) in ERRORS.items()}),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = list(check(said))
    if done.returncode:
        wrong.append(done.stderr[-2000:])
    counts = {how: sum(each["how"] == how for each in said) for how in ("answer", "error", "pages")}
    row = (
        f"| {datetime.now(UTC):%Y-%m-%d} | AWS SDK for JavaScript {sdk_version()} | Node.js {node_version()} "
        f"| {len({each['operation'] for each in said if each['how'] == 'answer'})} "
        f"| {counts['error']} | {counts['pages']} | {len(wrong)} | moto {version('moto')} |"
    )
    print(row, *wrong, sep="\n")
    if asked.results:
        with asked.results.open("a") as page:
            page.write(f"{row}\n")
    return int(bool(wrong))


def check(said: list[dict[str, Any]]) -> Any:
    """Give out what is not as it should be."""
    operations = set(botocore.loaders.Loader().load_service_model("snowball", "service-2")["operations"])
    answered = {each["operation"] for each in said if each["how"] == "answer"}
    if missing := operations - answered:
        yield f"no answer: {', '.join(sorted(missing))}"
    refused = {each["operation"] for each in said if each["how"] == "error"}
    if missing := set(ERRORS) - refused:
        yield f"no error: {', '.join(sorted(missing))}"
    for each in said:
        got = each["got"]
        if each["how"] == "answer" and not (got["status"] == 200 and got["requestId"]):
            yield f"{each['operation']}: {got}"
        if each["how"] == "error":
            code = ERRORS[each["operation"]][1]
            # The one that any service can answer has no class.
            as_known = got.get("isModelled") or code == "ValidationException"
            if (got["name"], got.get("status")) != (code, 400) or not as_known or not got["message"]:
                yield f"{each['operation']}: {got}, and not {code}"
        if each["how"] == "pages" and (not got["counts"] or set(got["counts"][:-1]) - {2}):
            yield f"{each['operation']}: {got}"


def sdk_version() -> str:
    """Return the version of the SDK that is asked for."""
    found: str = json.loads((JAVASCRIPT / "package.json").read_text())["dependencies"][SDK]
    return found


def node_version() -> str:
    """Return the version of Node.js."""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
