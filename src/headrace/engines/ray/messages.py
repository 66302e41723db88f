"""What server and agents tell each other: a JSON object and, if there is more, bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from headrace.core.attachments import Attachment
from headrace.core.calls import Call, Code, InputFile, Limits
from headrace.core.outcomes import Failure, FailureKind, Outcome, OutputFile, Returned
from headrace.core.pipelines import Calling
from headrace.core.usage import Consumer, Measurement, UsageSample, Used
from headrace.core.values import DataType, JsonText
from headrace.wire.codec import decode, decode_message, encode

Header = dict[str, Any]

PIECE_BYTES = 1 << 20
"""Bytes of a file that travel at once."""

_LENGTH = struct.Struct(">I")


def pack(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """Return the bytes of a message."""
    text = encode(header)
    return b"".join((_LENGTH.pack(len(text)), text, payload))


def unpack(data: bytes, *, keeps_text: bool = False) -> tuple[Header, bytes]:
    """Return the header and the payload of a message.

    Args:
        data: What :func:`pack` returned.
        keeps_text: Whether large values stay JSON text, as the server records them
            (:func:`headrace.wire.codec.decode_message`).

    Raises:
        InvalidRequest: The header is no JSON object.
    """
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    text = data[_LENGTH.size : end]
    if keeps_text:
        return decode_message(text, "a message"), data[end:]
    header: Header = decode(text, "a message")
    return header, data[end:]


def plain(value: Any) -> Any:
    """Return a value of a header that may have stayed text."""
    return value.value() if isinstance(value, JsonText) else value


def of_code(code: Code) -> Header:
    """Return code as a value of a header."""
    return asdict(code)


def code_in(found: Mapping[str, Any]) -> Code:
    """Return the code that :func:`of_code` made a value of."""
    attachments = tuple(Attachment(**one) for one in found["attachments"])
    return Code(**{**found, "calling": Calling(found["calling"]), "attachments": attachments})


def of_call(call: Call) -> Header:
    """Return a call as a header: all but the contents of its files and the paths of this disk."""
    return {
        "execution_id": call.execution_id,
        "attempt": call.attempt,
        "code": of_code(call.code),
        "values": dict(call.values),
        "files": {name: file.filename for name, file in call.files.items()},
        "absent": dict(call.absent),
        "outputs": {name: kind.value for name, kind in call.outputs.items()},
        "variables": dict(call.variables),
        "identity": dict(call.identity),
        "limits": asdict(call.limits),
    }


def call_in(
    header: Mapping[str, Any], files: Mapping[str, Path], workspace: Path, log: Path
) -> Call:
    """Return the call that a header tells of.

    Args:
        header: What :func:`of_call` returned.
        files: Where its input files are, by input name.
        workspace: Its folder on this machine.
        log: The file for its log on this machine.
    """
    return Call(
        execution_id=header["execution_id"],
        attempt=header["attempt"],
        code=code_in(header["code"]),
        values=header["values"],
        files={name: InputFile(path, header["files"][name]) for name, path in files.items()},
        absent=header["absent"],
        outputs={name: DataType(kind) for name, kind in header["outputs"].items()},
        variables=header["variables"],
        identity=header["identity"],
        workspace=workspace,
        log=log,
        limits=Limits(**header["limits"]),
    )


def of_outcome(outcome: Outcome) -> Header:
    """Return an outcome as parts of a header; contents of files are asked for afterwards."""
    if isinstance(outcome, Failure):
        return {"failure": of_failure(outcome)}
    sizes = {name: [file.filename, file.size] for name, file in outcome.files.items()}
    return {"values": dict(outcome.values), "files": sizes}


def outcome_in(header: Mapping[str, Any], folder: Path) -> Outcome:
    """Return the outcome that a header tells of; its files are to be below a folder."""
    failure = failure_in(header)
    if failure is not None:
        return failure
    files = {
        name: OutputFile(folder / name / filename, filename, size)
        for name, (filename, size) in plain(header["files"]).items()
    }
    return Returned(plain(header["values"]), files)


def of_failure(failure: Failure | None) -> list[str] | None:
    """Return a failure as a value of a header."""
    return None if failure is None else [failure.kind.value, failure.message]


def failure_in(header: Mapping[str, Any]) -> Failure | None:
    """Return the failure in a header, if there is one."""
    found = plain(header.get("failure"))
    return None if found is None else Failure(FailureKind(found[0]), found[1])


def of_measurement(one: Measurement) -> Header:
    """Return a measurement as a value of a header."""
    return asdict(one)


def measurement_in(found: Mapping[str, Any]) -> Measurement:
    """Return the measurement that :func:`of_measurement` made a value of."""
    sample = found["sample"]
    return Measurement(
        Consumer(**found["consumer"]),
        Used(**found["more"]),
        None if sample is None else UsageSample(**sample),
    )
