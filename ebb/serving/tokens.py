"""Secrets that stand for a visitor: random, and stored only as hashes."""

from __future__ import annotations

import re
import secrets

from ebb.files import sha256_bytes

_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_SCHEME = "bearer "


def new_token() -> str:
    """43 random characters (256 bits) that are safe in addresses."""
    return secrets.token_urlsafe(_BYTES)


def new_id() -> str:
    """32 random hex digits (128 bits) that cannot be guessed."""
    return secrets.token_hex(16)


def token_hash(token: str) -> str:
    """What is stored of a token: 64 hex digits. Tokens are random, so no salt is needed."""
    return sha256_bytes(token.encode())


def bearer_token(header: str | None) -> str | None:
    """The token of a header ``Authorization: Bearer TOKEN``; None if there is none or it has another form."""
    if header is None or not header.lower().startswith(_SCHEME):
        return None
    token = header[len(_SCHEME) :].strip()
    return token if _FORM.fullmatch(token) else None
