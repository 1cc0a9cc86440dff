"""
Try the tests on mutants, each in a fork of a process of its own.

A mutant is tried twice, if need be. First all tests are collected once, and each mutant of a function's body
gets a fork of that process, in which the function is given its code. What survives there, and what changes
more than the body of a function, gets a fork in which neither the package nor a test is imported yet.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from enum import IntEnum
from functools import partial
from importlib.abc import MetaPathFinder
from io import StringIO
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutants.mutations import Mutant

__all__ = ["CHECKOUT", "Outcome", "try_all"]

CHECKOUT = Path(__file__).parents[2]
#: Seconds of the processor and of the clock that all the tests of a mutant may take, ten times what they do.
CPU_LIMIT = 60
LIMIT = 600
PYTEST = ("-qq", "-x", "-p", "no:cacheprovider", "-p", "no:xdist")
#: How many of the tests that killed others of the same place are tried first.
LIKELIEST = 20
#: The tests of each module, by path.
Tests = Mapping[str, Sequence[str]]


class Outcome(IntEnum):
    """What became of a mutant: the exit code of its process."""

    NOT_TRIED = 0
    SURVIVED = 1
    KILLED = 2
    OUT_OF_TIME = 3


def try_all(mutants: Sequence[Mutant], tests: Tests, jobs: int) -> list[Outcome]:
    """
    Return what became of each mutant.

    :param tests: the files of tests for each module's mutants, the likeliest first.
    :param jobs: how many to try at a time.
    :raises SystemExit: if a trial says nothing, such as of tests that fail without any change.
    """
    files = list(dict.fromkeys(test for path in tests for test in tests[path]))
    _import_what_others_made(files)
    # What a fork writes into it, this process and its other forks see.
    outcomes: Any = RawArray("i", len(mutants))
    plugin = OnCollectedTests(mutants, tests, outcomes, jobs)
    if _in_a_fork(lambda: int(pytest.main([*PYTEST, "-s", *files], plugins=[plugin]))) != 0:
        raise SystemExit("the tests cannot be tried: do they pass without any change?")
    rest = [n for n in range(len(mutants)) if outcomes[n] not in (Outcome.KILLED, Outcome.OUT_OF_TIME)]
    _say(f"{len(mutants) - len(rest)} ended; the other {len(rest)} are tried in fresh processes")
    _try_in_fresh_processes(mutants, rest, tests, outcomes, jobs)
    return [Outcome(each) for each in outcomes]


def _try_in_fresh_processes(
    mutants: Sequence[Mutant], numbers: Sequence[int], tests: Tests, outcomes: Any, jobs: int
) -> None:
    paths = list(tests)

    def run_unchanged(number: int) -> Outcome:
        source = (CHECKOUT / paths[number]).read_text("utf-8")
        return _try_afresh(paths[number], source, tests[paths[number]])

    def run(number: int) -> Outcome:
        mutant = mutants[number]
        return _try_afresh(mutant.path, mutant.source, tests[mutant.path])

    for number, outcome in fork_for_each(range(len(paths)), jobs, run_unchanged):
        if outcome is not Outcome.SURVIVED:
            raise SystemExit(f"the tests of {paths[number]} fail in a fresh process without any change")
    for number, outcome in fork_for_each(numbers, jobs, run):
        if outcome is Outcome.NOT_TRIED:
            raise SystemExit(f"cannot be tried: {mutants[number].where}\n{mutants[number].change}")
        outcomes[number] = outcome


def fork_for_each(
    numbers: Iterable[int], jobs: int, run: Callable[[int], Outcome]
) -> Iterator[tuple[int, Outcome]]:
    """Run a function in a fork for each number, so many at a time, and yield what it returned."""
    running: dict[int, int] = {}

    def wait_for_one() -> tuple[int, Outcome]:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        # A signal: of its limits.
        return running.pop(pid), Outcome.OUT_OF_TIME if code < 0 else Outcome(code)

    for number in numbers:
        if len(running) >= jobs:
            yield wait_for_one()
        running[_fork(partial(run, number), within_limits=True)] = number
    while running:
        yield wait_for_one()


def _fork(run: Callable[[], int], *, within_limits: bool = False) -> int:
    """Start a fork that exits with what a function returns; return its process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = int(Outcome.NOT_TRIED) if within_limits else 1
    try:
        if within_limits:
            signal.alarm(LIMIT)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        code = run()
        sys.stdout.flush()
    finally:
        os._exit(code)


def _in_a_fork(run: Callable[[], int]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(_fork(run), 0)[1])


class OnCollectedTests:
    """A plugin of pytest that tries mutants on the tests that were collected, in place of running them."""

    def __init__(self, mutants: Sequence[Mutant], tests: Tests, outcomes: Any, jobs: int) -> None:
        self.mutants = mutants
        self.tests = tests
        self.outcomes = outcomes
        self.jobs = jobs
        self.items: list[pytest.Item] = []
        self.failed = False
        # The number of the test that killed each.
        self.killed_by: Any = RawArray("i", len(mutants))
        #: The tests that killed others of a module or a function, the last first.
        self.killers: dict[str, list[int]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the mutants of functions, after one try without any change."""
        if session.testsfailed:
            raise session.Failed("tests cannot be collected")
        self.items = list(session.items)
        for _, outcome in fork_for_each([0], 1, lambda _: self._run(range(len(self.items)))):
            if outcome is not Outcome.SURVIVED:
                raise session.Failed("tests fail without any change")
        numbers = [number for number, mutant in enumerate(self.mutants) if mutant.function]
        _say(f"{len(numbers)} are tried on {len(self.items)} collected tests")
        for number, outcome in fork_for_each(numbers, self.jobs, self._try):
            self.outcomes[number] = outcome
            if outcome is Outcome.KILLED:
                self._remember(self.mutants[number], self.killed_by[number])
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test failed."""
        self.failed |= report.failed

    def _remember(self, mutant: Mutant, killer: int) -> None:
        for place in (mutant.where, mutant.path):
            others = [each for each in self.killers.get(place, []) if each != killer]
            self.killers[place] = [killer, *others][:LIKELIEST]

    def _try(self, number: int) -> Outcome:
        mutant = self.mutants[number]
        if not give_code(mutant):
            return Outcome.NOT_TRIED
        return self._run(self._likeliest_first(mutant), number)

    def _likeliest_first(self, mutant: Mutant) -> list[int]:
        of_file: dict[str, list[int]] = {}
        for number, item in enumerate(self.items):
            of_file.setdefault(str(item.path.relative_to(CHECKOUT)), []).append(number)
        likely = self.killers.get(mutant.where, []) + self.killers.get(mutant.path, [])
        others = [number for test in self.tests[mutant.path] for number in of_file[test]]
        return list(dict.fromkeys(likely + others))

    def _run(self, order: Sequence[int], mutant: int | None = None) -> Outcome:
        for each, following in zip(order, [*order[1:], None], strict=True):
            after = None if following is None else self.items[following]
            item = self.items[each]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.failed:
                if mutant is not None:
                    self.killed_by[mutant] = each
                return Outcome.KILLED
        return Outcome.SURVIVED


def give_code(mutant: Mutant) -> bool:
    """Let a function that is in use run a mutant's code; return whether that can be done."""
    assert mutant.function is not None
    code: Any = compile(mutant.source, str(CHECKOUT / mutant.path), "exec", dont_inherit=True)
    for name in mutant.function.split("."):
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    found = _function_in_use(_module_name(mutant.path), mutant.function)
    if found is None or found.__code__.co_freevars != code.co_freevars:
        return False
    found.__code__ = code
    return True


def _function_in_use(module: str, name: str) -> FunctionType | None:
    """Return the function itself, from under its decorators."""
    found: Any = sys.modules[module]
    for each in name.split("."):
        found = vars(found)[each]
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "__func__", found)
    while (inner := getattr(found, "__wrapped__", None)) is not None:
        found = inner
    return found if isinstance(found, FunctionType) else None


def _module_name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


class _MutantLoader(importlib.machinery.SourceFileLoader):
    source: str

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class _MutantFinder(MetaPathFinder):
    """Find a mutant where its module is imported."""

    def __init__(self, path: str, source: str) -> None:
        self.name = _module_name(path)
        self.loader = _MutantLoader(self.name, str(CHECKOUT / path))
        self.loader.source = source

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.loader.path, loader=self.loader)


def _try_afresh(path: str, source: str, tests: Sequence[str]) -> Outcome:
    sys.meta_path.insert(0, _MutantFinder(path, source))
    match pytest.main([*PYTEST, *tests]):
        case pytest.ExitCode.OK:
            return Outcome.SURVIVED
        # Interrupted: it cannot even be imported.
        case pytest.ExitCode.TESTS_FAILED | pytest.ExitCode.INTERRUPTED:
            return Outcome.KILLED
        case _:
            return Outcome.NOT_TRIED


def _import_what_others_made(tests: Sequence[str]) -> None:
    """Import all that the tests need, but for the package and the tests themselves."""
    with redirect_stdout(StringIO()) as said:
        code = pytest.main([*PYTEST, "--collect-only", *tests])
    if code != 0:
        raise SystemExit(f"{said.getvalue()}\ntests cannot be collected")
    ours = (str(CHECKOUT / "airflow_provider_snowball"), str(CHECKOUT / "tests"))
    for name, module in list(sys.modules.items()):
        is_ours = (getattr(module, "__file__", None) or "").startswith(ours)
        if is_ours and name != "__main__" and not name.startswith("tests.mutants"):
            del sys.modules[name]


def _say(text: str) -> None:
    print(text, flush=True)
