"""A client that hides nothing: no decoding, no retries."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def plain_client(**options: Any) -> redis.Redis:
    """Return a redis-py client that answers in bytes and never retries.

    Args:
        options: For `redis.Redis`; a `retry` given here wins.
    """
    options.setdefault("retry", Retry(NoBackoff(), 0))
    options.setdefault("decode_responses", False)
    return redis.Redis(**options)
