"""The contract of a builder of environments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from headrace.core.environments import Environment, EnvironmentSpec

Say = Callable[[str], None]


class Builder(Protocol):
    """Makes environments ready on this machine. Equal specs share one environment."""

    def interpreters(self) -> Mapping[str, Path]:
        """Return the interpreters found on this machine, by version (``3.11``)."""
        ...

    def missing_system_dependencies(self, packages: Sequence[str]) -> list[str]:
        """Return the named system packages that this machine does not have."""
        ...

    def find(self, digest: str) -> Environment | None:
        """Return the environment of this digest if it is ready; fast."""
        ...

    async def sound(self, digest: str) -> Environment | None:
        """Return the environment of this digest if it is ready and as it was built.

        One whose files were changed is removed. It takes a look at each file.
        """
        ...

    async def ready(
        self,
        spec: EnvironmentSpec,
        *,
        folder: Path,
        say: Say,
        secrets: Collection[str] = (),
    ) -> Environment:
        """Return the environment of this spec, building it first if nobody has.

        Args:
            spec: What to install.
            folder: The pipeline's folder, for requirements that name files in it.
            say: Receives progress and the installer's own words, line by line.
            secrets: Texts that never reach ``say``.

        Raises:
            InvalidEnvironment: It cannot be built; the installer's words have been said.
        """
        ...

    async def discard_unused(self, keep: Collection[str], *, unused_for_s: float) -> list[str]:
        """Remove environments outside ``keep`` that nobody asked for lately; return digests."""
        ...
