"""The list of the mutants that may survive, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.mutants.mutations import Mutant

__all__ = ["as_list", "read"]

#: Reasons by the keys of mutants.
Reasons = Mapping[tuple[str, str], str]


def read(path: Path) -> Reasons:
    """
    Return the reasons of a list, "" where one is still to be given; without a list, there are none.

    :raises SystemExit: if a mutant is there twice.
    """
    found: dict[tuple[str, str], str] = {}
    kinds = tomllib.loads(path.read_text("utf-8"))["kind"] if path.exists() else []
    for kind in kinds:
        for mutant in kind["mutant"]:
            key = (mutant["where"], mutant["change"].strip())
            if key in found:
                raise SystemExit(f"{path.name} has it twice: {key[0]}\n{key[1]}")
            found[key] = kind["reason"].strip()
    return found


def as_list(mutants: Iterable[Mutant], reasons: Reasons) -> str:
    """Return a list of mutants as :func:`read` reads it; who has no reason comes first, to be given one."""
    kinds: dict[str, list[Mutant]] = {"": []}
    for mutant in mutants:
        kinds.setdefault(reasons.get(mutant.key, ""), []).append(mutant)
    return "\n".join(_as_kind(reason, alike) for reason, alike in kinds.items() if alike)


def _as_kind(reason: str, mutants: Iterable[Mutant]) -> str:
    text = reason.replace("\\", "\\\\").replace('"', '\\"')
    entries = "".join(
        f"\n[[kind.mutant]]\nwhere = \"{mutant.where}\"\nchange = '''\n{mutant.change}\n'''\n"
        for mutant in mutants
    )
    return f'[[kind]]\nreason = "{text}"\n{entries}'
