"""
Run the tests of the API on a moto that has it: ``python -m tests.emulator.moto_scratch FOLDER``.

FOLDER gets a package ``moto``, all of it the one that is installed but for ``moto.snowball``, which is a
copy of the emulator's API. Nothing of this package, and no Airflow, is there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
TESTS = Path(__file__).parents[1] / "api"
PATTERNS = "backend_url_patterns = [\n"
ENTRY = '    ("snowball", re.compile("https?://snowball\\\\.(.+)\\\\.amazonaws\\\\.com")),\n'


def main(folder: Path, api: Path) -> int:
    """Build the folder and run the tests there; return their exit code."""
    build_moto(folder / "moto", api)
    tests = folder / "tests" / "emulator"
    shutil.copytree(TESTS, tests / "api", ignore=shutil.ignore_patterns("__pycache__"))
    for package in (tests, tests.parent):
        (package / "__init__.py").touch()
    shutil.copy(Path(__file__).with_name("conftest_there.py"), tests / "conftest.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "tests"]
    return subprocess.run(
        [*command, "--rootdir", str(folder)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    ).returncode


def build_moto(folder: Path, api: Path) -> None:
    """Make a moto with the service, as a pull request would."""
    spec = importlib.util.find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    folder.mkdir(parents=True)
    for each in installed.iterdir():
        if each.name not in ("__pycache__", "backend_index.py"):
            (folder / each.name).symlink_to(each)
    index = (installed / "backend_index.py").read_text()
    assert PATTERNS in index
    (folder / "backend_index.py").write_text(index.replace(PATTERNS, PATTERNS + ENTRY))
    shutil.copytree(api, folder / "snowball", ignore=shutil.ignore_patterns("__pycache__"))


def api_folder() -> Path:
    """Return where the API is: in the checkout, or else in what is installed of the package."""
    here = CHECKOUT / "airflow_provider_snowball"
    if not here.is_dir():
        spec = importlib.util.find_spec("airflow_provider_snowball")
        assert spec is not None
        assert spec.origin is not None
        here = Path(spec.origin).parent
    return here / "emulator" / "api"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), api_folder()))
