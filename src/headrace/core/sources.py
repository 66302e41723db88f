"""Where the value of an input comes from: every kind of source, and how it resolves.

A source says which values it may take and how to get one through :class:`Bindings`; it reads
nothing itself. A new kind is a class here, and a key of the contract (``wire/mappings.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from headrace.core.absence import ABSENT, Absent
from headrace.core.errors import InvalidValue
from headrace.core.names import check_name
from headrace.core.objects import check_object_path
from headrace.core.parameters import Input
from headrace.core.values import (
    DataType,
    FileValue,
    Json,
    Value,
    check_value,
    describe,
    value_from_text,
)


class Rule(StrEnum):
    """Why an execution starts (the specification's execution rules)."""

    RUN = "run"
    ENDPOINT = "endpoint"
    PERIODIC = "periodic"


EVERY_RULE = frozenset(Rule)


class Bindings(Protocol):
    """What a source may ask for when an execution starts."""

    @property
    def given(self) -> Mapping[str, Value]:
        """The values and files that the caller sent, by name."""
        ...

    def variable(self, name: str) -> str | None:
        """The present value of an environment variable, or None if it is not set."""
        ...

    def object_at(self, path: str) -> FileValue | None:
        """The data store's file at a path, or None if there is none."""
        ...


class InputSource(ABC):
    """One kind of source.

    Attributes:
        kind: Its name on the wire (``mapping_type``).
        rules: The execution rules that may use it (the specification's table).
        is_late: Whether it resolves when the execution starts; the others resolve when it is
            accepted, so that a caller's mistake is refused at once.
    """

    kind: ClassVar[str]
    rules: ClassVar[frozenset[Rule]] = EVERY_RULE
    is_late: ClassVar[bool] = False

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """Say why no source of this kind can feed a type, or return None if one can."""
        del data_type
        return None

    def problem_with(self, parameter: Input) -> str | None:
        """Say why this source cannot feed ``parameter``, or return None if it can."""
        return self.refuses(parameter.data_type)

    @abstractmethod
    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """Return the value for ``parameter``, or that there is none.

        Raises:
            InvalidValue: There is no fitting value; the message names the input.
        """


@dataclass(frozen=True, slots=True)
class GivenValue(InputSource):
    """A value or file that the caller sends, under a name of its own.

    Attributes:
        name: The name under which the caller sends it.
        is_required: Whether it must be sent; None leaves it to the input's declaration.
        default_value: Used when it is not sent; None leaves it to the input's declaration.
    """

    name: str
    is_required: bool | None = None
    default_value: Json = None

    def problem_with(self, parameter: Input) -> str | None:
        """See :meth:`InputSource.problem_with`."""
        if self.default_value is None:
            return None
        return _problem(self.default_value, parameter.data_type, "its default_value")

    def default_for(self, parameter: Input) -> Json:
        """Return the value that is used when nothing is sent, or None."""
        return parameter.default_value if self.default_value is None else self.default_value

    def is_required_for(self, parameter: Input) -> bool:
        """Check whether there must be a value, sent or by default."""
        return bool(parameter.is_required if self.is_required is None else self.is_required)

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`; null stands for the declared default if there is one."""
        where = f"input {self.name!r}"
        value = bindings.given.get(self.name)
        if value is None:
            value = self.default_for(parameter)
        if value is None:
            if self.is_required_for(parameter):
                raise InvalidValue(
                    f"{where} is required ({parameter.data_type.value}) but missing."
                )
            return None if self.name in bindings.given else ABSENT
        if isinstance(value, FileValue):
            if parameter.data_type is not DataType.FILE:
                raise InvalidValue(
                    f"{where} must be of type {parameter.data_type.value}, but a file was sent."
                )
            return value
        return check_value(value, parameter.data_type, where)


class RunValue(GivenValue):
    """A value or file given to ``run_pipeline``, under the input's own name."""

    __slots__ = ()
    kind: ClassVar[str] = "run"
    rules: ClassVar[frozenset[Rule]] = frozenset({Rule.RUN})


class EndpointValue(GivenValue):
    """A value or file of the endpoint call, under a name chosen in the mapping."""

    __slots__ = ()
    kind: ClassVar[str] = "endpoint"
    rules: ClassVar[frozenset[Rule]] = frozenset({Rule.ENDPOINT})


@dataclass(frozen=True, slots=True)
class Constant(InputSource):
    """The same value for every execution; of any type but file."""

    kind: ClassVar[str] = "constant"
    value: Json

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """See :meth:`InputSource.refuses`."""
        return "a file cannot come from a constant" if data_type is DataType.FILE else None

    def problem_with(self, parameter: Input) -> str | None:
        """See :meth:`InputSource.problem_with`."""
        data_type = parameter.data_type
        return self.refuses(data_type) or _problem(self.value, data_type, "its constant_value")

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`."""
        del parameter, bindings
        return self.value


@dataclass(frozen=True, slots=True)
class EnvironmentVariable(InputSource):
    """The value that an environment variable has when the execution starts."""

    kind: ClassVar[str] = "environment_variable"
    is_late: ClassVar[bool] = True
    name: str

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """See :meth:`InputSource.refuses`."""
        is_file = data_type is DataType.FILE
        return "a file cannot come from an environment variable" if is_file else None

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`; the text is read as the input's type."""
        text = bindings.variable(self.name)
        where = f"environment variable {self.name!r}, the source of input {parameter.name!r},"
        if text is None:
            if parameter.default_value is not None:
                return parameter.default_value
            why = f"{where} is not set. Create it, or map the input to another source."
            if parameter.is_required:
                raise InvalidValue(why)
            return Absent(why)
        try:
            return value_from_text(text, parameter.data_type, where)
        except InvalidValue:
            # The value may be a secret, so unlike elsewhere the message does not repeat it.
            raise InvalidValue(
                f"{where} cannot be read as type {parameter.data_type.value}."
            ) from None


@dataclass(frozen=True, slots=True)
class DataStoreFile(InputSource):
    """A file of the data store, as it is when the execution starts."""

    kind: ClassVar[str] = "datastore"
    is_late: ClassVar[bool] = True
    path: str

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """See :meth:`InputSource.refuses`."""
        is_file = data_type is DataType.FILE
        return None if is_file else "only an input of type file can come from the data store"

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`."""
        found = bindings.object_at(self.path)
        if found is None:
            raise InvalidValue(
                f"The data store has no file at {self.path!r}, the source of input "
                f"{parameter.name!r}."
            )
        return found


@dataclass(frozen=True, slots=True)
class Null(InputSource):
    """Nothing: the function receives None."""

    kind: ClassVar[str] = "is_null"

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`."""
        del parameter, bindings
        return None


class LeftOut(Null):
    """Nothing, because the input came with a version that is newer than the mapping.

    The function receives the default that the version declares, or has its own.
    """

    __slots__ = ()

    def resolve(self, parameter: Input, bindings: Bindings) -> Value:
        """See :meth:`InputSource.resolve`."""
        del bindings
        if parameter.default_value is not None:
            return parameter.default_value
        if parameter.is_required:
            raise InvalidValue(
                f"input {parameter.name!r} is required, but the deployment is older than it and "
                "does not map it. Map it by an update of the deployment."
            )
        return ABSENT


def endpoint_value(name: str, is_required: bool | None, default_value: Json) -> EndpointValue:
    """Return an endpoint source after checking its name.

    Raises:
        InvalidName: The name breaks the rule for names.
    """
    return EndpointValue(check_name(name, "endpoint_input_name"), is_required, default_value)


def data_store_file(path: str) -> DataStoreFile:
    """Return a data store source after checking its path.

    Raises:
        InvalidRequest: The path leaves the data store or is empty.
    """
    return DataStoreFile(check_object_path(path))


def _problem(value: Json, data_type: DataType, what: str) -> str | None:
    try:
        check_value(value, data_type, what)
    except InvalidValue:
        return f"{what} must be of type {data_type.value}, but is {describe(value)}"
    return None
