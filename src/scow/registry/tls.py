"""TLS contexts: the system's authorities, private ones and client certificates in docker's ``certs.d`` layout.

certs.d/HOST[:PORT]/*.crt           authorities, trusted beside the system's
certs.d/HOST[:PORT]/NAME.cert       a client certificate, with its key in NAME.key
"""

from __future__ import annotations

import os

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable


def directory(authority: str, folders: Iterable[str]) -> str:
    """The directory of a host's certificates, "" if there is none."""
    for folder in folders:
        path = os.path.join(folder, authority)
        if os.path.isdir(path):
            return path
    return ""


def context(authority: str, folders: Iterable[str], *, verify: bool = True) -> ssl.SSLContext:
    """The context for a host. Without ``verify`` anything goes, unless the host has authorities of its own."""
    import ssl

    made = ssl.create_default_context()
    path = directory(authority, folders)
    if path:
        _apply(made, path)
    elif not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["http/1.1"])
    return made


def _apply(made: ssl.SSLContext, path: str) -> None:
    names = sorted(os.listdir(path))
    for name in names:
        file = os.path.join(path, name)
        if name.endswith(".crt"):
            _load(file, lambda file=file: made.load_verify_locations(file))  # type: ignore[misc]
        elif name.endswith(".cert"):
            key = f"{file.removesuffix('.cert')}.key"
            if not os.path.exists(key):
                raise Invalid(f"missing key {os.path.basename(key)} for client certificate {file}")
            _load(file, lambda file=file, key=key: made.load_cert_chain(file, key, password=_no_password))  # type: ignore[misc]
        elif name.endswith(".key") and f"{name.removesuffix('.key')}.cert" not in names:
            hint = "authorities end in .crt, client certificates in .cert"
            raise Invalid(f"missing client certificate {name.removesuffix('.key')}.cert for key {file}", hint=hint)


def _no_password() -> str:
    raise Invalid("the key of a client certificate is encrypted", hint="store it without a password, mode 0600")


def _load(path: str, load: Callable[[], None]) -> None:
    import ssl

    try:
        load()
    except ssl.SSLError as e:
        raise Invalid(f"{path}: {e.reason or e}") from None
    except OSError as e:
        raise Invalid(f"{path}: {e.strerror}") from None
