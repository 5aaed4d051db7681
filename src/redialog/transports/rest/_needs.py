"""httpx and what it stands on; or, where they are missing, the error that says what to install."""

from __future__ import annotations

from redialog.errors import MissingExtra

try:
    import httpcore
    import httpx
except ImportError as error:
    raise MissingExtra(extra="upstash", purpose="the REST protocol of Upstash") from error

__all__ = ["httpcore", "httpx"]
