"""The one tree of errors, classed by whose fault it is.

    Error
    ├── NotFound      the named thing does not exist                      HTTP 404
    ├── Conflict      it exists already, or is in use                     HTTP 409
    ├── Invalid       what the caller wrote is wrong                      HTTP 400
    │   └── Unsupported   docker has it, scow does not (yet)              HTTP 501
    ├── Denied        not allowed, by the kernel or a registry            HTTP 403
    ├── Unavailable   could not be done now; safe to try again            HTTP 503
    └── Corrupt       bytes differ from their digest or are no valid form HTTP 500

Messages are lower case, have no full stop, and always name the path or thing. ``hint`` says what the user can do.
Libraries raise; only the doors (``cli``, ``api``) print and exit.
"""

from __future__ import annotations


class Error(Exception):
    """Base of all errors raised on purpose; ``hint`` is one sentence on the remedy, or None."""

    status = 500
    """HTTP status for the API door."""
    exit_code = 1
    """Exit code of a CLI call that ends with this error (``run`` and ``exec`` map to 125-127 themselves)."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotFound(Error):
    """The named thing does not exist."""

    status = 404


class Conflict(Error):
    """The thing exists already, or something else is using it."""

    status = 409


class Invalid(Error):
    """What the caller wrote is wrong."""

    status = 400


class Unsupported(Invalid):
    """Docker has it, scow does not: refused by name, never ignored."""

    status = 501


class Denied(Error):
    """Not allowed, by the kernel, a policy or a registry."""

    status = 403


class Unavailable(Error):
    """Could not be done now; trying again is safe."""

    status = 503


class Corrupt(Error):
    """Bytes differ from their digest, or are no valid form of what they claim to be."""
