"""Keeps secret texts out of what is said about a build."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote, quote_plus, unquote

MASK = "***"


class Redaction:
    """Replaces every secret text in a line by ``***``.

    A secret is also found in its URL-quoted and unquoted forms, because secrets mostly stand in
    the URLs of package indexes, and line by line if it has several lines.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        whole = {part.strip() for secret in secrets for part in [secret, *secret.splitlines()]}
        forms = {
            form
            for text in whole
            for form in (text, quote(text), quote(text, safe=""), quote_plus(text), unquote(text))
            if form
        }
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, line: str) -> str:
        """Return the line without secrets."""
        return self._pattern.sub(MASK, line) if self._pattern else line
