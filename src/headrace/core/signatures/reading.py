"""Reads the signature of a function: its inputs, its outputs, and all that is not understood."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.core.errors import InvalidCode, InvalidRequest
from headrace.core.parameters import Input, Output, check_parameters
from headrace.core.pipelines import Calling
from headrace.core.signatures.docstrings import Docs, read_docstring
from headrace.core.signatures.hint import Hint, joined, type_of_values
from headrace.core.signatures.hints import HintReader
from headrace.core.signatures.literals import literal
from headrace.core.signatures.modules import FUNCTIONS, Imported, Module, Modules
from headrace.core.signatures.returns import Function, read_results
from headrace.core.signatures.source import Misread, Signature, Source
from headrace.core.values import DataType, describe, fits

_SHOWN = 20


def read_signature(source: Source, function: str) -> Signature:
    """Return the inputs, outputs and description of a function, as its code declares them.

    Nothing is imported or run: the text of the file is parsed, and those of its neighbours in the
    folder whose classes it names.

    Args:
        source: The function's file and its folder.
        function: The function's name.

    Raises:
        InvalidCode: There is no such function, or something of it is not understood: all of that,
            each with its line and what to write instead; ``details["problems"]`` has them one by
            one.
    """
    modules = Modules(source)
    module = modules.first
    node = _find(module, function)
    reading = _Reading(modules, module, node)
    inputs = reading.inputs()
    outputs = reading.outputs()
    reading.check()
    check_parameters(inputs, outputs)
    calling = Calling.TYPED if reading.is_converted else Calling.PLATFORM
    return Signature(tuple(inputs), outputs, reading.docs.summary, calling, tuple(reading.notes))


def _find(module: Module, name: str) -> Function:
    found = module.names.get(name)
    if isinstance(found, FUNCTIONS):
        return found
    if isinstance(found, Imported):
        raise InvalidCode(
            f"{module.path} imports '{name}' from {'.'.join(found.parts[:-1]) or 'elsewhere'}; "
            "name the file that defines it."
        )
    if found is not None:
        raise InvalidCode(f"'{name}' in {module.path} is no function that is written with def.")
    names = [name for name, node in module.names.items() if isinstance(node, FUNCTIONS)]
    defines = f"it defines: {', '.join(names)}" if names else "it defines no function"
    raise InvalidCode(f"{module.path} has no function '{name}'; {defines}.")


class _Reading:
    """What was found so far of one function.

    Attributes:
        docs: Its docstring.
        notes: What was guessed.
        is_converted: Whether an argument or a result has to be converted.
    """

    def __init__(self, modules: Modules, module: Module, node: Function) -> None:
        self.docs: Docs = read_docstring(ast.get_docstring(node))
        self.notes: list[str] = []
        self.is_converted = False
        self._modules = modules
        self._module = module
        self._node = node
        self._hints = HintReader(modules)
        self._problems: list[str] = []

    def check(self) -> None:
        """Refuse what was not understood."""
        if self._problems:
            shown = self._problems[:_SHOWN]
            more = len(self._problems) - len(shown)
            text = " ".join(shown) + (f" (And {more} more.)" if more else "")
            raise InvalidCode(text, details={"problems": self._problems})

    def outputs(self) -> tuple[Output, ...]:
        """Return the outputs, as far as they are understood."""
        line = self._node.lineno if self._node.returns is None else self._node.returns.lineno
        found: list[Output] = []
        with self._noting(line, "what it returns"):
            results = read_results(self._modules, self._module, self._node, self.docs)
            self.is_converted = self.is_converted or results.is_converted
            self.notes += results.notes
            found.extend(results.checked())
        return tuple(found)

    def inputs(self) -> list[Input]:
        """Return the inputs, as far as they are understood."""
        arguments = self._node.args
        by_name = [*arguments.args, *arguments.kwonlyargs]
        first = len(arguments.args) - len(arguments.defaults)
        padding: list[ast.expr | None] = [None] * max(0, first)
        # Defaults belong to the last parameters, those by position alone included.
        given = arguments.defaults[-len(arguments.args) :] if arguments.args else []
        defaults = [*padding, *given, *arguments.kw_defaults]
        self._refuse_unnamed(arguments)
        found = []
        for argument, default in zip(by_name, defaults, strict=True):
            with self._noting(argument.lineno, f"parameter '{argument.arg}'"):
                found.append(self._input(argument, default))
        return found

    def _refuse_unnamed(self, arguments: ast.arguments) -> None:
        for argument in arguments.posonlyargs:
            with self._noting(argument.lineno, f"parameter '{argument.arg}'"):
                raise Misread(
                    "it is taken by position alone, and inputs are given by name; "
                    "move it behind the '/', or take the '/' out"
                )
        for stars, rest in (("*", arguments.vararg), ("**", arguments.kwarg)):
            if rest is not None:
                instead = "list" if stars == "*" else "dict"
                with self._noting(rest.lineno, f"parameter '{stars}{rest.arg}'"):
                    raise Misread(
                        "inputs have names of their own; write a parameter for each, or "
                        f"one of type {instead}"
                    )

    def _input(self, argument: ast.arg, default: ast.expr | None) -> Input:
        if argument.annotation is None:
            hint = self._guessed(argument, default)
        else:
            hint = self._hints.read(self._module, argument.annotation)
        if hint.data_type is None:
            raise Misread("its type is None; write the type that it has when it is given")
        self.is_converted = self.is_converted or hint.is_converted
        return Input(
            argument.arg,
            hint.data_type,
            joined(self.docs.parameters.get(argument.arg), hint.description),
            is_required=default is None and not hint.is_optional,
            default_value=self._default(argument.arg, hint, hint.data_type, default),
        )

    def _guessed(self, argument: ast.arg, default: ast.expr | None) -> Hint:
        """Return the type of a parameter without a hint: that of its default, else any."""
        name = argument.arg
        value = None
        if default is not None:
            try:
                value = literal(default)
            except ValueError:
                value = None
        if value is None:
            self.notes.append(
                f"Parameter '{name}' has no type hint, so it takes any JSON value. A hint, such as "
                f"{name}: float, would have it checked."
            )
            return Hint(DataType.JSON)
        kind = DataType.ARRAY if isinstance(value, list) else type_of_values([value])
        self.notes.append(f"Parameter '{name}' has no type hint; by its default it is a {kind}.")
        return Hint(kind)

    def _default(self, name: str, hint: Hint, kind: DataType, node: ast.expr | None) -> object:
        if node is None:
            return None
        try:
            value = literal(node)
        except ValueError:
            value = hint.members.get(node.attr) if isinstance(node, ast.Attribute) else None
        if value is None or kind is DataType.FILE:
            if ast.unparse(node) != "None":
                self.notes.append(
                    f"The default of '{name}' ({_short(ast.unparse(node))}) is no JSON value that "
                    "is written out: the input is optional, and without a value the function's "
                    "own default holds."
                )
            return None
        if not fits(value, kind):
            raise Misread(
                f"its default is {describe(value)}, which is no {kind}; write one that is"
            )
        is_known = not hint.values or value in hint.values
        if not is_known or (hint.is_whole and value != int(value)):
            wanted = "a whole number" if hint.is_whole else "one of its values"
            raise Misread(f"its default is {describe(value)}; write {wanted}")
        return value

    @contextmanager
    def _noting(self, line: int, subject: str) -> Iterator[None]:
        """Take note of what the block does not understand."""
        try:
            yield
        except Misread as misread:
            said = misread.what
        except InvalidRequest as error:
            said = error.message.rstrip(".")
        else:
            return
        self._problems.append(f"{self._module.path}, line {line}: {subject}: {said}.")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
