"""The pages of the data store: its folders, its files, what goes in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from headrace.console.forms import check_form, read_fields
from headrace.console.navigation import DATA_STORE, address
from headrace.console.previews import ISOLATED, image_response, preview_of
from headrace.console.rendering import page, see_other
from headrace.core.errors import NotFound
from headrace.core.objects import ObjectInfo, check_object_path
from headrace.objects.multipart_form import file_part
from headrace.objects.port import ObjectStore
from headrace.web.exchange import Exchange
from headrace.web.files import object_response

PAGE = 200
"""Entries on one page."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder or a file.

    Attributes:
        name: Its last segment.
        url: Where it leads.
        info: The file; None for a folder.
    """

    name: str
    url: str
    info: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries of a folder, and where the next page begins; None at the end."""

    entries: Sequence[Entry]
    next_after: str | None


async def data_store(exchange: Exchange) -> Response:
    """Show a folder."""
    query = exchange.request.query_params
    folder = _folder(query.get("folder"))
    listing = await _list(exchange.services.data_store, folder, query.get("after"))
    segments = folder.split("/") if folder else []
    return page(
        exchange.request,
        "data-store.html",
        title="Data store",
        section=DATA_STORE.name,
        folder=folder,
        crumbs=[
            (segment, _folder_url("/".join(segments[: number + 1])))
            for number, segment in enumerate(segments)
        ],
        listing=listing,
        more=listing.next_after and _folder_url(folder, listing.next_after),
    )


async def data_store_file(exchange: Exchange) -> Response:
    """Show a file: what is known of it, and its beginning."""
    path = check_object_path(exchange.request.query_params.get("path"))
    store = exchange.services.data_store
    info = await store.info(path)
    if info is None:
        raise NotFound(f"The data store has no file at {path!r}.")
    folder, _, name = path.rpartition("/")
    return page(
        exchange.request,
        "data-store-file.html",
        title=name,
        section=DATA_STORE.name,
        info=info,
        folder=folder,
        folder_url=_folder_url(folder),
        download_url=_url("download", path),
        preview=await preview_of(await store.open(path), name),
        image_url=_url("image", path),
    )


async def download(exchange: Exchange) -> Response:
    """Send a file, never as a page of this server."""
    path = check_object_path(exchange.request.query_params.get("path"))
    response = await object_response(exchange.request, exchange.services.data_store, path)
    response.headers["Content-Security-Policy"] = ISOLATED
    return response


async def image(exchange: Exchange) -> Response:
    """Send a file that is a picture, for its preview."""
    path = check_object_path(exchange.request.query_params.get("path"))
    return await image_response(await exchange.services.data_store.open(path))


async def upload(exchange: Exchange) -> Response:
    """Store the file of a form; with JavaScript, pages upload by the API, in parts."""
    request, services = exchange.request, exchange.services
    fields, chunks = await file_part(request.stream(), request.headers.get("content-type", ""))
    check_form(exchange, fields)
    path = check_object_path(fields.get("path"))
    await services.data_store.put(path, chunks, size_limit=services.max_upload_bytes)
    return see_other(_url("file", path), said=f"{path} is uploaded.")


async def delete_file(exchange: Exchange) -> Response:
    """Delete a file."""
    path = check_object_path((await read_fields(exchange, "path"))["path"])
    if not await exchange.services.data_store.delete(path):
        raise NotFound(f"The data store has no file at {path!r}.")
    return see_other(_folder_url(path.rpartition("/")[0]), said=f"{path} is deleted.")


async def _list(store: ObjectStore, folder: str, after: str | None) -> Listing:
    """Return the entries of a folder that follow a path."""
    prefix = f"{folder}/" if folder else ""
    entries: list[Entry] = []
    while True:
        found = await store.list(folder or None, after, PAGE + 1)
        for info in found.items:
            if len(entries) == PAGE:
                return Listing(entries, after)
            name, is_deeper, _ = info.path.removeprefix(prefix).partition("/")
            if is_deeper:
                entries.append(Entry(f"{name}/", _folder_url(prefix + name)))
                # Whatever else is in that folder sorts before this.
                after = f"{prefix}{name}/\U0010ffff"
                break
            entries.append(Entry(name, _url("file", info.path), info))
            after = info.path
        else:
            if found.next_after is None:
                return Listing(entries, None)


def _folder(text: str | None) -> str:
    return check_object_path(text.strip("/")) if text and text.strip("/") else ""


def _folder_url(folder: str, after: str = "") -> str:
    return address(DATA_STORE.path, folder=folder, after=after)


def _url(what: str, path: str) -> str:
    return address(f"{DATA_STORE.path}/{what}", path=path)
