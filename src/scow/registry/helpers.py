"""Credential helpers: programs ``docker-credential-NAME`` (github.com/docker/docker-credential-helpers)."""

from __future__ import annotations

import json
import os

from scow.errors import Denied, Invalid, NotFound, Unavailable
from scow.registry.credentials import Login

TOKEN_USER = "<token>"  # noqa: S105  the user name that says "the secret is an identity token"
TIMEOUT = 120.0
"""Seconds; helpers may ask the user for a password or log in to a cloud."""
LARGEST = 1 << 20
_MISSING = "credentials not found in native keychain"


def get(helper: str, server: str) -> Login | None:
    """What the helper has for ``server``, None if it has nothing."""
    try:
        said = _call(helper, "get", server)
    except NotFound:
        return None
    try:
        doc = json.loads(said)
        username, secret = doc["Username"], doc["Secret"]
        if not isinstance(username, str) or not isinstance(secret, str):
            raise ValueError("no text")
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"docker-credential-{helper}: the answer to get is not what it should be") from None
    return Login(identity_token=secret) if username == TOKEN_USER else Login(username, secret)


def store(helper: str, server: str, login: Login) -> None:
    """Let the helper keep a login."""
    secret = login.identity_token or login.password
    doc = {"ServerURL": server, "Username": TOKEN_USER if login.identity_token else login.username, "Secret": secret}
    _call(helper, "store", json.dumps(doc))


def erase(helper: str, server: str) -> None:
    """Let the helper forget a login; NotFound if it had none."""
    _call(helper, "erase", server)


def _call(helper: str, verb: str, given: str) -> str:
    import subprocess

    if not helper or os.sep in helper:
        raise Invalid(f"{helper!r} is no name of a credential helper")
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, verb], input=given.encode(), capture_output=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        hint = "install it, or remove it from config.json (credsStore, credHelpers)"
        raise Unavailable(f"{program}: executable file not found in $PATH", hint) from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{program} {verb}: gave no answer for {TIMEOUT:.0f} s") from None
    except OSError as e:
        raise Unavailable(f"{program}: {e.strerror}") from None
    said = done.stdout[:LARGEST].decode("utf-8", "replace")
    if not done.returncode:
        return said
    # Helpers say what is wrong on standard output; a "get" may have printed nothing secret when it failed.
    reason = "".join(c for c in said.strip()[:300] if c.isprintable())
    if _MISSING in reason:
        raise NotFound(reason)
    raise Denied(f"{program} {verb}: {reason or f'exit status {done.returncode}'}")
