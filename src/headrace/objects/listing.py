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
    items: list[ObjectInfo] = []
    for path in _paths(tree, f"{folder}/" if folder else "", after or ""):
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


def _paths(tree: Tree, prefix: str, after: str) -> Iterator[str]:
    """Yield paths in order, reading a folder only when its turn has come.

    Texts sort by code point, which is how their UTF-8 bytes sort.
    """
    open_folders = [(prefix, _keys(tree, prefix, after))]
    while open_folders:
        prefix, keys = open_folders[-1]
        if not keys:
            open_folders.pop()
            continue
        key = prefix + heapq.heappop(keys)
        if key.endswith("/"):
            open_folders.append((key, _keys(tree, key, after)))
        elif _is_path(key):
            yield key


def _keys(tree: Tree, prefix: str, after: str) -> list[str]:
    """Return, as a heap, the entries of a folder that can hold paths beyond ``after``.

    A sub-folder's key ends in ``/``, as all paths below it go on: so ``a.b`` comes before ``a/b``,
    and comparing the keys of one folder compares the full paths.
    """
    if after.startswith(prefix):
        start = after[len(prefix) :]
    elif after < prefix:
        start = ""
    else:
        return []
    try:
        files, folders = tree.names(prefix.split("/")[:-1])
    except PermissionDenied:
        return []
    keys = [name for name in files if name > start]
    keys += [key for name in folders if (key := name + "/") > start or start.startswith(key)]
    heapq.heapify(keys)
    return keys


def _is_path(name: str) -> bool:
    try:
        return check_object_path(name) == name
    except InvalidRequest:
        return False  # No name that this store would have made.
