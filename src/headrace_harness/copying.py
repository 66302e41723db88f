"""Private copies of folders and files, made by the kernel where it can."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headrace_harness.stdlib import io, os, stat

_CHUNK = 1 << 30
_PIECE = 1 << 20
_SKIPPED = {"__pycache__"}
_INPUT_FOLDER = "inputs"


def copy_file(source: str, target: str) -> int:
    """Copy the bytes of ``source`` to a new file ``target``, readable and writable; return them.

    File systems that can share blocks until one side writes (btrfs, XFS) do so.

    Raises:
        OSError: As for reading and writing.
    """
    with io.open(source, "rb", buffering=0) as reader, io.open(target, "xb", buffering=0) as writer:
        mode = os.fstat(reader.fileno()).st_mode
        try:
            while os.copy_file_range(reader.fileno(), writer.fileno(), _CHUNK):
                pass
        except OSError:
            # Not between these file systems: start again, by hand.
            reader.seek(0)
            writer.seek(0)
            writer.truncate()
            _copy_by_hand(reader, writer)
        os.fchmod(writer.fileno(), (mode & 0o777) | 0o600)
        return os.fstat(writer.fileno()).st_size


def _copy_by_hand(reader: io.RawIOBase, writer: io.RawIOBase) -> None:
    while True:
        piece = memoryview(reader.read(_PIECE) or b"")
        if not piece:
            return
        while piece:
            piece = piece[writer.write(piece) :]


def copy_folder(source: str, target: str) -> None:
    """Copy a folder's files, folders, symbolic links and named pipes to a new folder ``target``.

    Bytecode is left out, because it says where it was made; so are sockets and devices.

    Raises:
        OSError: As for reading and writing.
    """
    waiting = [(source, target)]
    while waiting:
        folder, made = waiting.pop()
        os.mkdir(made, 0o700)
        with os.scandir(folder) as entries:
            for entry in entries:
                new = os.path.join(made, entry.name)
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), new)
                elif entry.is_dir():
                    if entry.name not in _SKIPPED:
                        waiting.append((entry.path, new))
                elif stat.S_ISREG(entry.stat().st_mode):
                    copy_file(entry.path, new)
                elif stat.S_ISFIFO(entry.stat().st_mode):
                    os.mkfifo(new, 0o600)


def attach(folder: str, attached: Mapping[str, str], forbids: Callable[[str], bool]) -> None:
    """Put attached files in their places in a private copy of a folder.

    They are links to what user code cannot write to: each call has a copy of the folder, and what
    is attached may be large. Where nothing keeps user code from it, they are copies.

    Args:
        folder: The copy.
        attached: Where the files are, by their places in the folder.
        forbids: Tells whether user code cannot write to a path.

    Raises:
        FileExistsError: The folder has something in such a place already.
        OSError: As for making links.
    """
    root = os.path.realpath(folder) if attached else folder
    for place, source in attached.items():
        above, name = os.path.split(os.path.join(root, place))
        try:
            os.makedirs(above, exist_ok=True)
            # A link on the way would lead elsewhere, be it in the folder.
            is_taken = os.path.realpath(above) != above or os.path.lexists(f"{above}/{name}")
        except OSError:
            is_taken = True
        if is_taken:
            raise FileExistsError(
                f"the folder has something at {place} already, where a file is attached to the "
                "deployment: take it out of the folder, or detach the file"
            )
        if forbids(os.path.realpath(source)):
            os.symlink(source, os.path.join(above, name))
        else:
            copy_file(source, os.path.join(above, name))


def copy_input(workspace: str, name: str, file: Mapping[str, str]) -> str:
    """Make a private copy of an input file in the workspace of its call, and return its path.

    Raises:
        OSError: As for reading and writing.
    """
    folder = os.path.join(workspace, _INPUT_FOLDER, name)
    os.makedirs(folder)
    path = os.path.join(folder, file["filename"])
    copy_file(file["source"], path)
    return path
