"""Tokens of executions: signed, not stored, and good until the execution has ended."""

from __future__ import annotations

import hashlib
import hmac

from headrace.control.sealing import Keys
from headrace.core.errors import Unauthenticated
from headrace.core.tokens import same_token

EXECUTION_MARK = "hdx_"


class ExecutionTokens:
    """Signs the ids of executions."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.derive("execution tokens")

    def token_of(self, execution_id: str) -> str:
        """Return the token that user code finds as ``CRAFT_AI_SDK_TOKEN``."""
        mac = hmac.new(self._key, execution_id.encode(), hashlib.sha256).hexdigest()
        return f"{EXECUTION_MARK}{execution_id}.{mac}"

    def id_of(self, token: str) -> str:
        """Return the id of the execution that a token was signed for.

        Raises:
            Unauthenticated: It was not signed here.
        """
        execution_id, _, _ = token.removeprefix(EXECUTION_MARK).partition(".")
        if not same_token(token, self.token_of(execution_id)):
            raise Unauthenticated("The token of this execution is not valid.")
        return execution_id
