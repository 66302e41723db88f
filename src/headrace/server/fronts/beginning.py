"""A front, put together from what the main process tells it."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from headrace.control.intake import Intake
from headrace.control.sealing import load_keys
from headrace.control.variables import Variables
from headrace.core.credentials import Addresses
from headrace.core.standby import Standing
from headrace.endpoints.express import Express
from headrace.engines.local.metering import Meter
from headrace.logs.files import LogFiles
from headrace.pods.sets import PodSets
from headrace.server.connection_limits import connection_limits
from headrace.server.descriptors import soft_limit
from headrace.server.engines import front_pod_engine
from headrace.server.fronts.calls import FrontCalls, FrontEndpoints, MarkedBook
from headrace.server.fronts.front import Front
from headrace.server.fronts.handing import Sender
from headrace.server.fronts.page import Page
from headrace.server.fronts.remote import (
    RemoteDatabase,
    RemoteMaterials,
    RemotePlans,
    RemoteTokens,
)
from headrace.server.fronts.shares import share_of
from headrace.server.fronts.wire import Wire
from headrace.server.records import directory_of
from headrace.server.settings import Settings
from headrace.signals.local import LocalSignals
from headrace.store.book.recovery import take_up


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a front is told first.

    Attributes:
        settings: Those of the server.
        addresses: Where code finds the server.
        public_url: Where callers find it.
        worker_id: By which rows of its calls are known as its own.
        number: Which front it is.
        standing: The state of the environment.
    """

    settings: Settings
    addresses: Addresses
    public_url: str
    worker_id: str
    number: int
    standing: Standing


async def make_front(
    told: Beginning, page: Page, wire: Wire, sender: Sender, listening: socket.socket
) -> Front:
    """Put a front together, and have it accept connections."""
    directory = directory_of(told.settings)
    database, signals = RemoteDatabase(wire), LocalSignals()
    variables = Variables(database, load_keys(directory.keys))
    await variables.current()
    intake, meter, logs = Intake(told.standing), Meter(), LogFiles(directory.logs)
    tokens = RemoteTokens(wire, told.addresses)
    engine = front_pod_engine(
        told.settings, directory, told.number, RemoteMaterials(wire), tokens.issue, meter
    )
    sets = PodSets(
        database,
        signals,
        engine,
        RemotePlans(wire, variables),
        variables,
        told.settings.stop_grace_s,
        intake,
        share=share_of(told.number, told.settings.processes),
    )
    journal = await take_up(directory.front_journal(told.number), database)
    book = MarkedBook(journal, database, page)
    calls = FrontCalls(
        book,
        signals,
        engine,
        sets,
        told.worker_id,
        variables,
        logs,
        str(directory.workspaces),
        told.settings.max_input_bytes,
    )
    calls.page = page
    endpoints = FrontEndpoints(page, variables)
    express = Express(endpoints, calls, told.public_url, told.settings.max_input_bytes)
    limits = connection_limits(told.settings, soft_limit())
    front = Front(
        express,
        calls,
        sets,
        engine,
        book,
        endpoints,
        variables,
        intake,
        meter,
        page,
        wire,
        sender,
        listening,
        max(1, limits.connections // told.settings.processes),
        limits.idle_s,
        limits.request_s,
    )
    await front.begin()
    return front
