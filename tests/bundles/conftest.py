"""Archives made by hand, as nobody's client would make them."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **attributes) -> Member:
    """Return a member and its content; a file unless ``type`` says otherwise."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


@pytest.fixture(scope="session")
def make_member() -> Callable[..., Member]:
    return member


@pytest.fixture(scope="session")
def make_archive(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Write members to a new archive, in order; texts and bytes are short for files."""

    def make(*members: Member, **files: str) -> Path:
        target = tmp_path_factory.mktemp("archive") / "step_file"
        with tarfile.open(target, "w:gz", errors="surrogateescape") as tar:
            for info, content in members:
                tar.addfile(info, io.BytesIO(content))
            for name, text in files.items():
                info, content = member(name, text.encode())
                tar.addfile(info, io.BytesIO(content))
        return target

    return make
