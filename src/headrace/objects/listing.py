"""Pages of objects in the order of their paths, read from a tree no further than needed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from headrace.core.errors import InvalidRequest, PermissionDenied
from headrace.core.objects import ObjectInfo, check_object_path
from headrace.objects.port import ObjectPage
from headrace.objects.tree import Tree, object_info


def page(tree: Tree, folder: str | None, after: str | None, limit: int) -> ObjectPage:
    """Return at most ``limit`` objects below ``folder`` whose paths sort after ``after``."""
    prefix = f"{folder}/".encode() if folder else b""
    items: list[ObjectInfo] = []
    for path in _paths(tree, prefix, (after or "").encode("utf-8", "surrogatepass")):
        try:
            status = tree.status(path)
        except PermissionDenied:
            continue  # Planted: no object of this store.
        if status is None:
            continue
        if len(items) == limit:
            return ObjectPage(tuple(items), items[-1].path)
        items.append(object_info(path, status))
    return ObjectPage(tuple(items), None)


def _paths(tree: Tree, prefix: bytes, after: bytes) -> Iterator[str]:
    """Yield paths in order, reading a folder only when its turn has come."""
    open_folders = [(prefix, _keys(tree, prefix, after))]
    while open_folders:
        prefix, keys = open_folders[-1]
        if not keys:
            open_folders.pop()
            continue
        key = prefix + heapq.heappop(keys)
        if key.endswith(b"/"):
            open_folders.append((key, _keys(tree, key, after)))
        elif (path := _path(key)) is not None:
            yield path


def _keys(tree: Tree, prefix: bytes, after: bytes) -> list[bytes]:
    """Return, as a heap, the entries of a folder that can hold paths beyond ``after``.

    A sub-folder's key ends in ``/``, as all paths below it go on: so ``a.b`` comes before ``a/b``,
    and comparing the keys of one folder compares the full paths.
    """
    if after.startswith(prefix):
        start = after[len(prefix) :]
    elif after < prefix:
        start = b""
    else:
        return []
    try:
        files, folders = tree.names(prefix.split(b"/")[:-1])
    except PermissionDenied:
        return []
    keys = [name for name in files if name > start]
    keys += [key for name in folders if (key := name + b"/") > start or start.startswith(key)]
    heapq.heapify(keys)
    return keys


def _path(name: bytes) -> str | None:
    try:
        return check_object_path(name.decode())
    except (UnicodeDecodeError, InvalidRequest):
        return None  # No name that this store would have made.
