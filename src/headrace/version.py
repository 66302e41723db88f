"""The version, of the SDK and the server alike."""

from __future__ import annotations

__version__ = "0.1.0"
