"""What is taken from an application's own `upstash_redis` client: the URL and the token."""

from __future__ import annotations

from redialog.errors import ConfigurationError
from redialog.transports.rest._options import Site, site

_BEARER = "Bearer "


def of_client(client: object) -> Site:
    """The site that a client leads to; the client is only looked at.

    Raises:
        ConfigurationError: it is one of a version that is not known.
    """
    headers = getattr(client, "_headers", None)
    login = headers.get("Authorization", "") if isinstance(headers, dict) else ""
    if not isinstance(login, str) or not login.startswith(_BEARER):
        raise ConfigurationError(
            "where this version of upstash-redis keeps its token is not known; use "
            "from_url(url, token=...)"
        )
    # Also where that is http://: the application's client sends the token there already.
    return site(
        getattr(client, "_url", None), login.removeprefix(_BEARER), {"allow_insecure": True}
    )
