"""Try the unit tests on mutants of the modules that judge; fail if 5 % survive, or one without a reason."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.mutants import survivors
from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.trials import CHECKOUT, Outcome, try_all

PACKAGE = "airflow_provider_snowball"
#: The modules, each with the tests that are to tell its mutants, the likeliest first.
MODULES = {
    "lifecycle.py": ("lifecycle", "machine_for_jobs", "devices", "changes", "config"),
    "validate.py": ("validate", "config", "bad_arguments", "messages"),
    "waiting/calls.py": ("machine", "errors"),
    "waiting/changes.py": ("changes",),
    "waiting/closer_look.py": ("machine", "machine_for_jobs", "watch", "devices"),
    "waiting/config.py": ("config", "machine", "changes", "messages"),
    "waiting/devices.py": ("devices", "changes"),
    "waiting/journal.py": ("devices", "machine"),
    "waiting/machine.py": ("machine", "machine_for_jobs", "time_in_state", "changes", "devices", "telling"),
    "waiting/text.py": ("text", "machine", "devices", "changes", "bad_input"),
    "waiting/time_in_state.py": ("time_in_state", "devices", "telling", "machine"),
    "waiting/watch.py": ("watch", "watching"),
    "hooks/errors.py": ("errors",),
    "hooks/redaction.py": ("redaction",),
}
TESTS = {
    f"{PACKAGE}/{module}": [f"tests/unit/test_{name}.py" for name in names]
    for module, names in MODULES.items()
}
LISTED = CHECKOUT / "tests" / "mutants" / "survivors.toml"
FOUND = CHECKOUT / "build" / "mutants.toml"
#: Per cent.
TOO_MANY = 5


def main() -> int:
    """Try the mutants, and say how many survived, and which of them nobody has given a reason for."""
    asked = parser().parse_args()
    began = time.monotonic()
    os.chdir(CHECKOUT)
    paths = [f"{PACKAGE}/{name}" for name in asked.modules or MODULES]
    with ProcessPoolExecutor(asked.jobs) as pool:
        mutants = [mutant for found in pool.map(make, paths) for mutant in found]
    if asked.again:
        known = survivors.read(FOUND)
        mutants = [mutant for mutant in mutants if mutant.key in known]
    print(f"{len(mutants)} mutants, made in {time.monotonic() - began:.0f} seconds", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        # A process that runs out of time leaves its files behind.
        tempfile.tempdir = os.environ["TMPDIR"] = scratch
        outcomes = try_all(mutants, {path: TESTS[path] for path in paths}, asked.jobs)
    is_well = report(paths, mutants, outcomes, whole=not asked.again)
    print(f"{time.monotonic() - began:.0f} seconds")
    return int(not is_well)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    found = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    # [] is what argparse holds against the choices where none is named.
    found.add_argument(
        "modules", nargs="*", choices=[*MODULES, []], metavar="MODULE", help="waiting/text.py, ... (all)"
    )
    found.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    found.add_argument("--again", action="store_true", help=f"only those of {FOUND.name}, of the last run")
    return found


def make(path: str) -> list[Mutant]:
    """Return the mutants of a module."""
    return list(mutants_of(path, (CHECKOUT / path).read_text("utf-8")))


def report(
    paths: Sequence[str], mutants: Sequence[Mutant], outcomes: Sequence[Outcome], *, whole: bool
) -> bool:
    """
    Say what became of the mutants; return whether all is well.

    :param whole: whether these are all the mutants of the modules.
    """
    found = {mutant.key: outcome for mutant, outcome in zip(mutants, outcomes, strict=True)}
    survived = [mutant for mutant in mutants if found[mutant.key] is Outcome.SURVIVED]
    reasons = survivors.read(LISTED)
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(survivors.as_list(survived, reasons), "utf-8")
    for path in paths:
        ours = [found[mutant.key] for mutant in mutants if mutant.path == path]
        print(
            f"{path}: {len(ours)} mutants, {ours.count(Outcome.SURVIVED)} survived, "
            f"{ours.count(Outcome.OUT_OF_TIME)} ran out of time"
        )
    nameless = [mutant for mutant in survived if not reasons.get(mutant.key)]
    for mutant in nameless:
        print(f"\nsurvived, and has no reason in {LISTED.name}: {mutant.where}\n{mutant.change}")
    stale = [
        key
        for key in reasons
        if whole and key[0].partition(":")[0] in paths and found.get(key) is not Outcome.SURVIVED
    ]
    for key in stale:
        print(f"\nin {LISTED.name}, and {'killed' if key in found else 'no mutant'}: {key[0]}\n{key[1]}")
    share = 100 * len(survived) / max(len(mutants), 1)
    print(f"\n{len(survived)} of {len(mutants)} mutants survived, {share:.2f} %; fewer than {TOO_MANY} may")
    return (share < TOO_MANY or not whole) and not nameless and not stale


if __name__ == "__main__":
    sys.exit(main())
