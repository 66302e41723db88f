"""By what templates are known, and what their pool answers to who asks for one."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.calls import Code
from headrace.core.outcomes import Failure
from headrace.engines.local.process import Preface
from headrace.engines.local.template import Template


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when something may take; None means no limit.

    Attributes:
        limit_s: What was allowed at the beginning, for messages.
        at: When it is over, as ``time.monotonic`` counts.
    """

    limit_s: float | None = None
    at: float | None = None

    @classmethod
    def after(cls, limit_s: float | None) -> Deadline:
        """Return the deadline that begins now."""
        return cls(limit_s, None if limit_s is None else time.monotonic() + limit_s)

    @property
    def left_s(self) -> float | None:
        """Seconds that are left, at least 0."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """What makes two calls share a template."""

    environment: str
    bundle: str
    function_path: str
    variables: str
    owner: str
    attached: tuple[tuple[str, str], ...]
    is_typed: bool

    @classmethod
    def of(cls, code: Code, variables: Mapping[str, str]) -> TemplateKey:
        """Return the key of this code with these variables."""
        text = json.dumps(sorted(variables.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()
        attached = tuple((one.path, one.digest) for one in code.attachments)
        return cls(
            code.environment,
            code.bundle,
            code.function_path,
            digest,
            code.owner,
            attached,
            code.is_typed,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no template, and what its start printed."""

    failure: Failure
    preface: Preface = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Acquired:
    """A template in use by the caller, and what belongs at the start of the call's log."""

    template: Template
    preface: Preface
