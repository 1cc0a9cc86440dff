"""
Make the mutants of a module: mutmut's own operators, on all of it.

``mutmut run`` switches between copies of plain functions. It so leaves out properties, decorated functions
and whatever a module or class defines outside of functions: here, the verdict on a listing and the tables of
errors. Each mutant is a whole source text instead.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

__all__ = ["Mutant", "mutants_of"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """
    A source text with one change.

    :param path: of the module, from the top of the checkout.
    :param scope: the function or class that holds the change, or "".
    :param function: the function or method, if all of the change is in its body.
    :param change: the lines that it takes away and adds.
    """

    path: str
    scope: str
    function: str | None
    change: str
    source: str

    @property
    def where(self) -> str:
        """Path and scope."""
        return f"{self.path}: {self.scope}" if self.scope else self.path

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others, and stays when other lines change."""
        return self.where, self.change


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Yield each mutant of a module once; what reads differently and means the same to Python is none."""
    original = _Anatomy.of(source)
    seen = {original.meaning}
    alike: Counter[tuple[str, str]] = Counter()
    for text in _changed(source):
        if not _compiles(text):
            continue
        anatomy = _Anatomy.of(text)
        if anatomy.meaning in seen:
            continue
        seen.add(anatomy.meaning)
        line, change = _difference(source.splitlines(), text.splitlines())
        scope = _scope(original.tree, line)
        alike[scope, change] += 1
        if (count := alike[scope, change]) > 1:
            # The same change of another line that reads the same.
            scope = f"{scope} ({count})"
        yield Mutant(path, scope, original.function_that_differs(anatomy), change, text)


class _Everywhere(MutationVisitor):
    """Visit decorated functions, too. (``__all__`` has a test of its own, and is no behaviour.)"""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return False
        if isinstance(node, cst.Assign) and isinstance(target := node.targets[0].target, cst.Name):
            return target.value == "__all__"
        return super()._skip_node_and_children(node)


def _changed(source: str) -> Iterator[str]:
    """Yield the text with each change that mutmut knows."""
    visitor = _Everywhere(mutation_operators, IgnoredCode(set(), set(), set()))
    module = MetadataWrapper(cst.parse_module(source)).visit(visitor)
    parts = [module.code_for_node(statement) for statement in module.body]
    head, foot = ("".join(map(module.code_for_node, lines)) for lines in (module.header, module.footer))
    place = {node: number for number, statement in enumerate(module.body) for node in _nodes(statement)}
    for mutation in visitor.mutations:
        number = place[mutation.original_node]
        changed = deep_replace(module.body[number], mutation.original_node, mutation.mutated_node)
        assert isinstance(changed, cst.CSTNode)
        yield "".join([head, *parts[:number], module.code_for_node(changed), *parts[number + 1 :], foot])


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _compiles(text: str) -> bool:
    try:
        compile(text, "a mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


@dataclass(frozen=True)
class _Anatomy:
    """What a text means to Python: the bodies of its functions and methods, and all that is around them."""

    tree: ast.Module
    bodies: tuple[tuple[str, str], ...]
    around: str

    @classmethod
    def of(cls, text: str) -> _Anatomy:
        functions = list(_functions(ast.parse(text)))
        bodies = tuple((name, ast.dump(ast.Module(function.body, []))) for name, function in functions)
        emptied = ast.parse(text)
        for _, function in _functions(emptied):
            function.body = []
        return cls(ast.parse(text), bodies, ast.dump(emptied))

    @property
    def meaning(self) -> tuple[object, ...]:
        return (self.around, *self.bodies)

    def function_that_differs(self, other: _Anatomy) -> str | None:
        """Return the function whose body alone the two differ in."""
        if self.around != other.around:
            return None
        names = [mine[0] for mine, its in zip(self.bodies, other.bodies, strict=True) if mine != its]
        return names[0] if len(names) == 1 else None


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module and the methods of its classes, by their names."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, Function):
                    yield f"{node.name}.{each.name}", each


def _difference(before: list[str], after: list[str]) -> tuple[int, str]:
    """Return the number of the first line that differs, and what is taken away and added there."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    change = [f"- {line.strip()}" for line in removed] + [f"+ {line.strip()}" for line in added]
    return start + 1, "\n".join(change)


def _common(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _scope(tree: ast.AST, line: int) -> str:
    """Return the dotted name of the innermost function or class that a line is of."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line <= (node.end_lineno or 0):
                inner = _scope(node, line)
                return f"{node.name}.{inner}" if inner else node.name
    return ""
