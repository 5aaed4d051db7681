"""Every error that redialog raises, as one tree.

::

    RedialogError
    ├── ConfigurationError (ValueError)   an argument, option or URL is wrong: change the call
    │   ├── InvalidSessionId
    │   ├── InvalidTTL
    │   ├── InvalidMessage
    │   │   └── MessageTooLarge
    │   ├── BudgetTooSmall                what a context must hold has more tokens than max_tokens
    │   ├── CounterError                  the token counter failed, or returned no number
    │   └── WrongEventLoop
    ├── MissingExtra (ImportError)        an optional part is not installed: names the install line
    ├── TransportError (ConnectionError)  no answer from the server
    │   ├── ConnectError                  not reached, so nothing was sent
    │   ├── ReplyTimeout (TimeoutError)   no reply in time
    │   ├── ConnectionLost                cut before the reply was complete
    │   ├── Unavailable                   nobody can serve it now: a failover, a resharding
    │   ├── RateLimited                   too many requests for the plan: wait retry_after seconds
    │   ├── AuthError                     the server refused the credentials
    │   ├── TLSError                      a certificate or the TLS handshake was refused
    │   └── NotRedis                      something answered that does not speak the protocol
    ├── ServerError                       the server answered with an error
    │   ├── WrongType                     the key holds something else than a conversation
    │   ├── OutOfMemory
    │   ├── ReadOnly                      a replica, or a primary that may not write now
    │   ├── PermissionDenied              the ACL user may not run the command
    │   └── CrossSlot
    ├── DataError                         what is stored cannot be understood
    │   ├── CorruptElement                one element of a log; the others are readable
    │   └── UnknownVersion                written by a newer redialog
    ├── Conflict                          somebody else changed it meanwhile, or got there first
    │   ├── OwnerMismatch
    │   ├── SessionExists
    │   └── IdempotencyMismatch
    ├── NotFound (LookupError)            there is no such session or message
    ├── SummaryError                      the summariser failed; the conversation is as it was
    ├── EmbeddedError                     the embedded server cannot be found, started or stopped
    └── Closed                            used after close()

A caller asks two questions of an error: whose fault is it (the class), and may I try again
(``retryable``). A `TransportError` also says whether the write may have happened
(``maybe_applied``) and, where it may have, under which ``token`` the same write can be sent again
without being stored twice.

Errors are composed from fields, so they survive pickling, and no field ever holds message text or
a secret.
"""

from __future__ import annotations

from redialog.errors._answers import (
    Closed,
    Conflict,
    CorruptElement,
    CrossSlot,
    DataError,
    EmbeddedError,
    IdempotencyMismatch,
    NotFound,
    OutOfMemory,
    OwnerMismatch,
    PermissionDenied,
    ReadOnly,
    ServerError,
    SessionExists,
    SummaryError,
    UnknownVersion,
    WrongType,
)
from redialog.errors._root import RedialogError
from redialog.errors._transport import (
    AuthError,
    ConnectError,
    ConnectionLost,
    NotRedis,
    RateLimited,
    ReplyTimeout,
    TLSError,
    TransportError,
    Unavailable,
)
from redialog.errors._usage import (
    BudgetTooSmall,
    ConfigurationError,
    CounterError,
    InvalidMessage,
    InvalidSessionId,
    InvalidTTL,
    MessageTooLarge,
    MissingExtra,
    UnverifiedTLSWarning,
    WrongEventLoop,
)

__all__ = [
    "AuthError",
    "BudgetTooSmall",
    "Closed",
    "ConfigurationError",
    "Conflict",
    "ConnectError",
    "ConnectionLost",
    "CorruptElement",
    "CounterError",
    "CrossSlot",
    "DataError",
    "EmbeddedError",
    "IdempotencyMismatch",
    "InvalidMessage",
    "InvalidSessionId",
    "InvalidTTL",
    "MessageTooLarge",
    "MissingExtra",
    "NotFound",
    "NotRedis",
    "OutOfMemory",
    "OwnerMismatch",
    "PermissionDenied",
    "RateLimited",
    "ReadOnly",
    "RedialogError",
    "ReplyTimeout",
    "ServerError",
    "SessionExists",
    "SummaryError",
    "TLSError",
    "TransportError",
    "Unavailable",
    "UnknownVersion",
    "UnverifiedTLSWarning",
    "WrongEventLoop",
    "WrongType",
]
