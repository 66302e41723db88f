"""The engine that gives each call to the one that runs code of its kind, and meters together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.calls import Call, Code
from headrace.core.outcomes import Failure, Outcome
from headrace.core.usage import Measurement
from headrace.engines.port import Engine, Metering, Say


@dataclass(frozen=True, slots=True)
class EngineByCode:
    """Runs functions by one engine, images by another (:class:`headrace.engines.port.Engine`).

    Attributes:
        functions: The engine of functions.
        images: The engine of images.
    """

    functions: Engine
    images: Engine

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end; see the port."""
        return await self._of(call.code).run(call)

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Check whether a call now imports nothing; see the port."""
        return self._of(code).is_warm(code, variables)

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Make the next call start sooner, or say why none can; see the port."""
        return await self._of(code).warm(code, variables, say)

    async def close(self) -> None:
        """Stop everything that both have started."""
        await self.functions.close()
        await self.images.close()

    def _of(self, code: Code) -> Engine:
        return self.functions if code.dockerfile_path is None else self.images


@dataclass(frozen=True, slots=True)
class Meters:
    """Several meters as one (:class:`headrace.engines.port.Metering`)."""

    meters: tuple[Metering, ...]

    async def take(self) -> list[Measurement]:
        """Return the measurements of all of them; see the port."""
        return [one for meter in self.meters for one in await meter.take()]
