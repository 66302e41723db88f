"""The loops that keep the house, in the order in which they begin."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from headrace.control.intake import Intake
from headrace.control.variables import Variables
from headrace.keeping.activity import ActivityCounter
from headrace.keeping.builds import Builds
from headrace.keeping.bundle_copies import BundleCopies
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.collector import Collector
from headrace.keeping.file_collection import FileCollection
from headrace.keeping.log_copies import LogCopies
from headrace.keeping.scheduler import Scheduler
from headrace.keeping.standby_loop import StandbyLoop
from headrace.keeping.sweeper import Sweeper
from headrace.server.executing import Executing
from headrace.server.places import Places
from headrace.server.settings import Settings
from headrace.server.verbs import Verbs
from headrace.signals.local import LocalSignals
from headrace.signals.loop import Loop


class Keeper(Protocol):
    """Something that goes on in the background."""

    async def begin(self) -> None:
        """Go on from now on."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


class Loops(NamedTuple):
    """The loops that keep the house.

    Attributes:
        builds: Builds pipelines.
        scheduler: Acts on schedules.
        others: The rest, which begin after these.
        copies: Those of them that send logs and folders to a bucket, if there is one.
    """

    builds: Builds
    scheduler: Scheduler
    others: tuple[Keeper, ...]
    copies: tuple[Loop, ...]


def make_loops(
    settings: Settings,
    places: Places,
    signals: LocalSignals,
    variables: Variables,
    executing: Executing,
    verbs: Verbs,
    intake: Intake,
    clock: ClockWatch,
) -> Loops:
    """Make the loops; none has begun."""
    builds = Builds(
        verbs.versions,
        variables,
        places.bundles,
        executing.codes,
        executing.engine,
        places.logs,
        signals,
        intake,
        at_once=settings.max_builds,
    )
    sweeper = Sweeper(
        places.database,
        places.builder,
        places.bundles,
        places.data_store,
        places.attached,
        executing.images,
        clock,
        unused_for_s=settings.unused_environment_s,
    )
    files = FileCollection(
        places.database,
        verbs.executions,
        places.logs,
        places.artifacts,
        limit_bytes=settings.keep_files_bytes,
    )
    collector = Collector(
        places.database, verbs.executions, files, settings.retention, clock, executing.sets
    )
    standby = StandbyLoop(
        verbs.standby,
        signals,
        lambda: all(
            (
                executing.worker.is_idle,
                executing.warm_calls.is_idle,
                places.fronts.is_idle,
                builds.is_idle,
            )
        ),
    )
    scheduler = Scheduler(verbs.schedules, signals)
    counter = ActivityCounter(places.database)
    copies = _make_copies(places, executing, settings.cache_bytes)
    others: tuple[Keeper, ...] = (sweeper, verbs.removal, collector, standby, counter, *copies)
    return Loops(builds, scheduler, others, copies)


def _make_copies(places: Places, executing: Executing, limit_bytes: int) -> tuple[Loop, ...]:
    if places.in_bucket is None:
        return ()
    return (
        LogCopies(places.database, places.in_bucket.logs, limit_bytes),
        BundleCopies(places.database, places.in_bucket.bundles, executing.sets, limit_bytes),
    )
