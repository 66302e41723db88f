"""A version to come: all that its code says, before anything is sent."""

from __future__ import annotations

import tokenize
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from headrace.client.bundles import check_function_file
from headrace.client.deploying.digests import bundle_digest
from headrace.client.deploying.installed import joined
from headrace.client.deploying.targets import REQUIREMENTS_FILES, Target, target_of
from headrace.client.git import Commit, commit_of
from headrace.client.selection import Selection, select
from headrace.core.errors import InvalidCode
from headrace.core.names import check_name
from headrace.core.needs import Pythons, needs_of
from headrace.core.signatures.reading import read_signature
from headrace.core.signatures.source import Signature, Source
from headrace.wire.parameter_bodies import input_body, output_body


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to be deployed; None where the code or the project decides.

    Attributes:
        function: A function, or ``path/to/file.py:function``.
        name: Name of the pipeline.
        folder: The folder that travels.
        requirements: Requirements file in the folder; empty for none.
        python: Version of Python, such as ``3.12``.
        include: Files and folders of the folder that are taken.
        system_dependencies: System packages that must be on the server's machine.
    """

    function: Callable[..., Any] | str
    name: str | None = None
    folder: Path | None = None
    requirements: str | None = None
    python: str | None = None
    include: Sequence[str] | None = None
    system_dependencies: Sequence[str] | None = None


@dataclass(frozen=True)
class Plan:
    """A version to come.

    Attributes:
        name: Name of the pipeline.
        is_named: Whether its author chose the name; otherwise it is that of the function.
        target: The function.
        selection: What travels.
        signature: What its code says of inputs and outputs.
        config: Its ``container_config``, nothing left to the project.
        commit: The git commit that its folder is, if it is a clean checkout.
        notes: What its author may want to know, each a sentence.
    """

    name: str
    is_named: bool
    target: Target
    selection: Selection
    signature: Signature
    config: Mapping[str, Any]
    commit: Commit | None
    notes: tuple[str, ...]

    @cached_property
    def bundle(self) -> str:
        """Digest of what travels, as the server will compute it."""
        return bundle_digest(self.selection)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the server will show as the parameters of the version."""
        return {
            "pipeline_name": self.name,
            "function_path": self.target.function_path,
            "function_name": self.target.function_name,
            "description": self.signature.description,
            "container_config": self.config,
            "inputs": [input_body(item) for item in self.signature.inputs],
            "outputs": [output_body(item) for item in self.signature.outputs],
        }


def plan_of(order: Order, project: Mapping[str, Any], pythons: Pythons, drafts: Path) -> Plan:
    """Return the version that somebody wants; nothing of its code is run.

    Args:
        order: What is wanted.
        project: The project's settings, as the server shows them.
        pythons: Asks the server which versions of Python it has.
        drafts: A folder for files that are made of code that is in no file.

    Raises:
        InvalidRequest: Of the kind that says what is wrong; nothing was sent.
    """
    target = target_of(order.function, order.folder, drafts)
    name = check_name(order.name or target.function_name, "the name")
    include = list(order.include or project["included_folders"] or ())
    named = [order.requirements] if order.requirements else []
    selection = _selection(target, [*include, *named])
    needs = needs_of(
        source_of(target, selection),
        requirements=order.requirements,
        python=order.python,
        here=target.python,
        project=project,
        pythons=pythons,
    )
    if needs.path and needs.path not in selection.files:
        selection = _selection(target, [*include, needs.path])
    packages = order.system_dependencies or project["system_dependencies"]
    config = {
        "language": needs.language,
        "included_folders": include or None,
        "system_dependencies": list(packages) if packages else None,
        "requirements_path": needs.path,
    }
    signature = read_signature(source_of(target, selection), target.function_name)
    return Plan(
        name=name,
        is_named=order.name is not None,
        target=target,
        selection=selection,
        signature=signature,
        config=config,
        commit=None if target.folder is None else commit_of(target.folder),
        notes=(*signature.notes, *needs.notes),
    )


def source_of(target: Target, selection: Selection) -> Source:
    """Return the texts of what travels, and of the folder's own files about requirements."""

    def read(path: str) -> str | None:
        file = selection.files.get(path)
        if file is None and target.folder is not None and path in REQUIREMENTS_FILES:
            # It travels if it is what the environment is made of, even if nobody included it.
            file = target.folder / path
        if file is None or not file.is_file():
            return None
        if file.suffix != ".py":
            return file.read_text("utf-8", "replace")
        try:
            with tokenize.open(file) as text:  # in the encoding that it declares
                return text.read()
        except (SyntaxError, UnicodeDecodeError) as error:
            raise InvalidCode(f"{path} cannot be read as Python: {error}.") from None

    return Source(target.function_path, read)


def _selection(target: Target, included: Sequence[str]) -> Selection:
    if target.folder is None:
        return joined(Selection(), target.further)
    path = target.function_path
    if path in target.further.files:
        return joined(select(target.folder, included), target.further)
    check_function_file(target.folder, path)
    return select(target.folder, [*included, path])
