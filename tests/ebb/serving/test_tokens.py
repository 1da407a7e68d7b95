from __future__ import annotations

import hashlib

import pytest

from ebb.serving.tokens import bearer_token, new_id, new_token, token_hash


def test_tokens_differ_and_are_safe_in_addresses() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(bearer_token(f"Bearer {token}") == token for token in tokens)
    assert len({new_id() for _ in range(100)}) == 100


def test_the_hash_is_sha256() -> None:
    assert token_hash("abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "Bearer", "Bearer ", "Basic " + "a" * 43, "Bearer " + "a" * 42, "Bearer " + "a" * 44),
        *("Bearer " + "a" * 42 + "é", "Bearer " + "a" * 42 + "'", "Bearer " + "a" * 20 + " " + "a" * 22),
    ],
)
def test_other_headers_hold_no_token(header: str | None) -> None:
    assert bearer_token(header) is None
