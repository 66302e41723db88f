"""Environment variables of the environment: encrypted at rest, present in every execution."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

from headrace.control.sealing import Keys
from headrace.core.clock import now
from headrace.core.errors import InvalidName, InvalidValue, NotFound, Unavailable
from headrace.core.scopes import Scope
from headrace.core.values import Json
from headrace.core.variables import check_settable_name
from headrace.store import variables as rows
from headrace.store.database import Database
from headrace.store.moments import to_us

MAX_VALUE_BYTES = 100_000

logger = logging.getLogger(__name__)


class Variables:
    """Environment variables (wire contract, 5.8).

    Args:
        database: Where they are.
        keys: They are sealed with them.
        on_change: Called when one was changed or deleted, before that is answered.
    """

    def __init__(
        self, database: Database, keys: Keys, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._keys = keys
        self._on_change = on_change
        # Every execution asks, and only this object changes them.
        self._current: dict[str, str] | None = None
        self._changes = 0

    @property
    def known(self) -> Mapping[str, str] | None:
        """The result of :meth:`current`, if that is known without asking the database."""
        return self._current

    async def current(self) -> Mapping[str, str]:
        """Return all variables with their values, by name; the same object until one changes."""
        if self._current is None:
            changes = self._changes
            sealed = await self._database.read(rows.all_variables)
            current = {
                name: self._keys.unseal(value)
                for name, value in sealed.items()
                if _is_settable(name)
            }
            if changes != self._changes:
                return await self.current()
            self._current = current
        return self._current

    async def all(self, scope: Scope) -> Mapping[str, str]:
        """Return all variables with their values, by name, to a caller."""
        return await self.current()

    async def put(self, scope: Scope, values: Mapping[str, Json]) -> None:
        """Create or replace variables, all or none. A value that is no text is kept as JSON text.

        Raises:
            InvalidName: A name cannot be that of an environment variable, is reserved, or changes
                how programs start (:mod:`headrace.core.variables`).
            InvalidValue: A value is too long or holds a NUL.
        """
        sealed = {
            check_settable_name(name, "environment_variables"): self._keys.seal(
                _check_value(name, value)
            )
            for name, value in values.items()
        }
        at_us = to_us(now())
        await self._database.write(rows.put_variables, sealed, at_us)
        self._changed()

    async def delete(self, scope: Scope, name: str) -> str:
        """Delete a variable and return the value it had; empty if it cannot be unsealed any more.

        Raises:
            NotFound: There is no such variable.
        """
        sealed = await self._database.write(rows.remove_variable, name)
        self._changed()
        if sealed is None:
            raise NotFound(f"There is no environment variable {name!r}.")
        try:
            return self._keys.unseal(sealed)
        except Unavailable:
            # The key file was replaced. Deleting is the way out of that, so it must not fail.
            return ""

    def forget(self) -> None:
        """Look at the records again: a variable may have changed."""
        self._current = None
        self._changes += 1

    def _changed(self) -> None:
        self.forget()
        self._on_change()


def _is_settable(name: str) -> bool:
    """Check whether a variable counts; one of an earlier version that may not be set does not."""
    try:
        check_settable_name(name, "environment_variables")
    except InvalidName as error:
        logger.warning(
            "the environment variable %s is ignored, and can be deleted: %s", name, error.message
        )
        return False
    return True


def _check_value(name: str, value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text:
        raise InvalidValue(f"The value of {name!r} holds a NUL character, which no variable can.")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_VALUE_BYTES:
        raise InvalidValue(
            f"The value of {name!r} is too long: at most {MAX_VALUE_BYTES:,} bytes are allowed."
        )
    return text
