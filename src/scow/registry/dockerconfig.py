"""docker's ``config.json``: logins read and written as docker does, all other fields kept.

    auths        key -> {"auth": base64 of user:password} or {"username", "password"}, "identitytoken", "registrytoken"
    credsStore   the helper for all registries;   credHelpers   registry -> helper

Keys are hosts, docker's URL forms of them, and, as podman has it, ``host/namespace``: the longest that fits a
repository counts.
"""

from __future__ import annotations

import json
import os

from scow.errors import Denied, Invalid, NotFound, Unavailable
from scow.registry import helpers
from scow.registry.credentials import HUB_KEY, Login, hostname, key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


class DockerConfig:
    """The file at ``path``, read when it is first asked."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._doc: dict[str, Any] | None = None

    @property
    def doc(self) -> dict[str, Any]:
        """The whole document, {} if there is no file. Invalid if it is damaged."""
        if self._doc is None:
            self._doc = self._read()
        return self._doc

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, encoding="utf-8") as f:
                text = f.read()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as e:
            raise Invalid(f"{self.path}: {getattr(e, 'strerror', '') or 'is no text'}") from None
        if not text.strip():
            return {}
        try:
            doc = json.loads(text)
        except ValueError as e:
            raise Invalid(f"{self.path}: {e}") from None  # json's words name a place, never content
        tables = (doc.get("auths"), doc.get("credHelpers")) if isinstance(doc, dict) else ()
        if not isinstance(doc, dict) or not all(table is None or isinstance(table, dict) for table in tables):
            raise Invalid(f"{self.path} is no docker configuration")
        return doc

    def find(self, registry: str, repository: str = "") -> Login | None:
        """The login for a repository, None if there is none."""
        for key in _prefixes(registry, repository):
            found = self._found(key)
            if found is not None:
                return found
        return None

    def _found(self, key: str) -> Login | None:
        helper = self.helper(key)
        if helper:
            return helpers.get(helper, key_of(key))
        auths = self.doc.get("auths") or {}
        for name in _spellings(key, auths):
            entry = auths[name]
            if isinstance(entry, dict) and (login := self._login(name, entry)) is not None:
                return login
        return None

    def helper(self, registry: str) -> str:
        """The credential helper for a registry, "" if logins are kept in the file."""
        own = self.doc.get("credHelpers") or {}
        for key in (registry, key_of(registry)):
            if own.get(key):
                return str(own[key])
        return "" if "/" in registry.removeprefix(HUB_KEY) else str(self.doc.get("credsStore") or "")

    def _login(self, name: str, entry: Mapping[str, Any]) -> Login | None:
        def text(key: str) -> str:
            found = entry.get(key) or ""
            if not isinstance(found, str):
                raise Invalid(f"{self.path}: auths[{name!r}].{key} is no text")
            return found

        username, password = text("username"), text("password")
        if text("auth"):
            username, password = self._decoded(name, text("auth"))
        token, bearer = text("identitytoken"), text("registrytoken")
        if not (username or token or bearer):
            return None
        return Login(username, password, token, bearer)

    def _decoded(self, name: str, text: str) -> tuple[str, str]:
        import binascii

        try:
            pair = binascii.a2b_base64(text).decode()
        except (ValueError, UnicodeDecodeError):
            raise Invalid(f"{self.path}: auths[{name!r}].auth is no base64") from None
        username, colon, password = pair.partition(":")
        if not colon:
            raise Invalid(f"{self.path}: auths[{name!r}].auth is no pair of user and password")
        return username, password.strip("\0")

    def store(self, registry: str, login: Login) -> bool:
        """Keep a login, in the helper if there is one; whether it now stands in the file, unencrypted."""
        import binascii

        key = key_of(registry)
        entry: dict[str, str] = {}
        helper = self.helper(registry)
        if helper:
            helpers.store(helper, key, login)
        elif login.identity_token:
            pair = f"{login.username}:".encode()
            entry = {
                "auth": binascii.b2a_base64(pair, newline=False).decode(),
                "identitytoken": login.identity_token,
            }
        else:
            pair = f"{login.username}:{login.password}".encode()
            entry = {"auth": binascii.b2a_base64(pair, newline=False).decode()}
        auths = dict(self.doc.get("auths") or {})
        auths[key] = entry
        self._write({**self.doc, "auths": auths})
        return not helper

    def erase(self, registry: str) -> bool:
        """Forget a login; whether there was one."""
        helper = self.helper(registry)
        gone = False
        if helper:
            try:
                helpers.erase(helper, key_of(registry))
                gone = True
            except NotFound:
                pass
        auths = dict(self.doc.get("auths") or {})
        for name in list(_spellings(registry, auths)):
            del auths[name]
            gone = True
        if auths != (self.doc.get("auths") or {}):
            self._write({**self.doc, "auths": auths})
        return gone

    def _write(self, doc: dict[str, Any]) -> None:
        """Replace the file, mode 0600; a link keeps pointing to it."""
        path = os.path.realpath(self.path)
        temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
        data = json.dumps(doc, indent="\t", ensure_ascii=False).encode() + b"\n"
        try:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(fd, "wb") as f:
                    f.write(data)
                    f.flush()
                    os.fsync(f.fileno())
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except PermissionError as e:
            raise Denied(f"cannot write {path}: {e.strerror}") from None
        except OSError as e:
            raise Unavailable(f"cannot write {path}: {e.strerror}") from None
        self._doc = doc


def _prefixes(registry: str, repository: str) -> Iterator[str]:
    """``host/a/b``, ``host/a``, ``host``: the most particular first."""
    parts = repository.split("/") if repository else []
    for n in range(len(parts), 0, -1):
        yield "/".join([registry, *parts[:n]])
    yield registry


def _spellings(key: str, auths: Mapping[str, Any]) -> Iterator[str]:
    """The names in ``auths`` that mean ``key``, its own first; URLs of a host count for the host."""
    own = key_of(key)
    if own in auths:
        yield own
    if "/" not in key:
        yield from [name for name in auths if name != own and "://" in name and hostname(name) == hostname(key)]
        if key != own and key in auths:
            yield key


def config_path(environ: Mapping[str, str]) -> str:
    """Where docker's configuration of this user lies."""
    folder = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".docker")
    return os.path.join(folder, "config.json")
