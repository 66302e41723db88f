"""The types of Python and its libraries: which data type each has, and what to write instead."""

from __future__ import annotations

from headrace.core.values import DataType

_NAMELESS = ("typing.", "typing_extensions.", "collections.abc.", "builtins.")

PLAIN = {
    "float": DataType.NUMBER,
    "str": DataType.STRING,
    "LiteralString": DataType.STRING,
    "bool": DataType.BOOLEAN,
    "Any": DataType.JSON,
    "object": DataType.JSON,
}
"""Types whose values are those of JSON."""

LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection"}
TUPLES = {"tuple", "Tuple"}
DICTS = {"dict", "Dict", "Mapping", "MutableMapping"}
YIELDS = {"Iterator", "Generator", "AsyncIterator", "AsyncGenerator", "AsyncIterable"}
FILES = {"pathlib.Path", "os.PathLike", "BinaryIO", "TextIO", "IO"}

CONVERTED = {
    "int": DataType.NUMBER,
    "datetime.datetime": DataType.STRING,
    "datetime.date": DataType.STRING,
    "datetime.time": DataType.STRING,
    "uuid.UUID": DataType.STRING,
}
"""Types whose values are made from those of JSON, or checked."""

RETURNED = {
    "set": DataType.ARRAY,
    "Set": DataType.ARRAY,
    "frozenset": DataType.ARRAY,
    "FrozenSet": DataType.ARRAY,
    "decimal.Decimal": DataType.NUMBER,
    "numpy.ndarray": DataType.ARRAY,
    "numpy.typing.NDArray": DataType.ARRAY,
    "numpy.float64": DataType.NUMBER,
    "numpy.float32": DataType.NUMBER,
    "numpy.int64": DataType.NUMBER,
    "pandas.DataFrame": DataType.ARRAY,
    "pandas.Series": DataType.JSON,
    "torch.Tensor": DataType.ARRAY,
}
"""Types that a function may return, and cannot get."""

_TABLE = "write list[dict] and make the table in the function, or Path for a file of it"
_NUMBERS = "write list[float] (list[list[float]] for a matrix) and make the array in the function"
_FILE = "write Path: the caller sends a file, and the function gets its path"
_INSTEAD = {
    "set": "write list, and make the set in the function",
    "Set": "write list, and make the set in the function",
    "frozenset": "write list, and make the set in the function",
    "FrozenSet": "write list, and make the set in the function",
    "bytes": _FILE,
    "bytearray": _FILE,
    "PIL.Image.Image": _FILE,
    "complex": "write two parameters of type float",
    "decimal.Decimal": "write float, or str and make the Decimal in the function",
    "datetime.timedelta": "write float, such as the number of seconds",
    "Callable": "write str or Literal with the names of what may be called",
    "type": "write str or Literal with the names of what may be meant",
    "NamedTuple": "write a dataclass",
    "pandas.DataFrame": _TABLE,
    "polars.DataFrame": _TABLE,
    "pyarrow.Table": _TABLE,
    "pandas.Series": _NUMBERS,
    "numpy.ndarray": _NUMBERS,
    "numpy.typing.NDArray": _NUMBERS,
    "numpy.typing.ArrayLike": _NUMBERS,
    "torch.Tensor": _NUMBERS,
}
_USUAL = "write int, float, str, bool, list, dict, Path, a TypedDict, a dataclass or a model"


def short_name(name: str) -> str:
    """Return the name of a type, without the module for those of the language."""
    for module in _NAMELESS:
        if name.startswith(module):
            return name.removeprefix(module)
    return "pathlib.Path" if name in {"pathlib.PosixPath", "pathlib.PurePath"} else name


def instead_of(name: str) -> str:
    """Say what to write instead of a type that no input or output can have."""
    return _INSTEAD.get(name, _USUAL)
