"""Secure aggregation: the server learns the sum of the sites' vectors and nothing else.

Every pair of sites agrees on a mask (X25519, HKDF, ChaCha20) that one adds and the other
subtracts; every site adds one more of its own. Private keys and own masks are shared among the
sites (Shamir), so that the sum survives sites that drop out: of those the survivors reveal the
pairwise key, of the others the own mask, never both. K. Bonawitz et al., CCS 2017,
doi:10.1145/3133956.3133982 (semi-honest form).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, SolverError
from catena.ops.federated import sharing, words
from catena.ops.federated.words import Words


def _crypto() -> Any:
    try:
        import cryptography.hazmat.primitives as primitives
    except ImportError as error:
        raise BackendError("The package cryptography is not installed", where="secure aggregation",
                           why=str(error), fix='pip install "catena[federated]"') from None  # fmt: skip
    return primitives


def _derived(secret: bytes, label: str, length: int = 32) -> bytes:
    _crypto()
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return bytes(HKDF(SHA256(), length, salt=None, info=label.encode()).derive(secret))


def _mask(seed: bytes, label: str, size: int) -> Words:
    """Return pseudo-random words that only holders of the seed can make."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

    key = _derived(seed, f"mask {label}")
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    return words.from_bytes(stream.update(bytes(16 * size)))


@final
@dataclass
class Masker:
    """One site's side: its keys, the shares it holds, and its masked vectors.

    Args:
        number: The site's number, from 1.
    """

    number: int
    _private: Any = None
    _own: bytes = b""
    _peers: dict[int, bytes] = field(default_factory=dict)
    _held: dict[int, tuple[int, int]] = field(default_factory=dict)

    def open(self) -> str:
        """Make fresh keys for a round; returns the public key (hex)."""
        _crypto()
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        self._private = X25519PrivateKey.generate()
        self._own = secrets.token_bytes(32)
        self._held = {}
        return str(self._private.public_key().public_bytes_raw().hex())

    def share(self, keys: Mapping[int, str], threshold: int) -> dict[int, str]:
        """Agree on secrets with all sites; returns an encrypted pair of shares for each."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._peers = {
            other: self._private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(key)))
            for other, key in keys.items()
            if other != self.number
        }
        places = sorted(keys)
        private = sharing.split(self._private.private_bytes_raw(), len(places), threshold)
        own = sharing.split(self._own, len(places), threshold)
        out: dict[int, str] = {}
        for place, other in enumerate(places, start=1):
            if other == self.number:
                self._held[self.number] = (private[place], own[place])
                continue
            nonce = secrets.token_bytes(12)
            text = json.dumps([str(private[place]), str(own[place])]).encode()
            box = ChaCha20Poly1305(_derived(self._peers[other], "shares"))
            out[other] = (nonce + box.encrypt(nonce, text, None)).hex()
        return out

    def keep(self, sender: int, sealed: str) -> None:
        """Keep another site's shares."""
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        raw = bytes.fromhex(sealed)
        box = ChaCha20Poly1305(_derived(self._peers[sender], "shares"))
        private, own = json.loads(box.decrypt(raw[:12], raw[12:], None))
        self._held[sender] = (int(private), int(own))

    def masked(self, values: np.ndarray, label: str) -> Words:
        """Return the vector (n,) under this site's masks."""
        total = words.add(words.encode(values), _mask(self._own, label, np.size(values)))
        for other, secret in self._peers.items():
            mask = _mask(secret, label, np.size(values))
            total = words.add(total, mask if self.number < other else words.negate(mask))
        return total

    def reveal(self, dropped: Sequence[int], survived: Sequence[int]) -> dict[str, dict[int, int]]:
        """Return shares of the dropped sites' keys and of the survivors' own masks."""
        if set(dropped) & set(survived):
            raise SolverError("The server asks for both secrets of a site", where=f"site {self.number}",
                              why="that would unmask its vector", fix="stop: the server misbehaves")  # fmt: skip
        return {
            "keys": {site: self._held[site][0] for site in dropped},
            "own": {site: self._held[site][1] for site in survived},
        }


def unmasked(
    masked: Mapping[int, Words],
    keys: Mapping[int, str],
    revealed: Mapping[int, Mapping[str, Mapping[int, int]]],
    threshold: int,
    label: str,
) -> np.ndarray:
    """Return the sum of the surviving sites' vectors, on the server.

    Args:
        masked: Masked vectors of the sites that answered.
        keys: Public keys (hex) of all sites of the round.
        revealed: What each survivor revealed.
        threshold: Shares needed.
        label: The round's label.

    Raises:
        SolverError: too few sites are left to undo the masks.
    """
    if len(revealed) < threshold:
        raise SolverError("Too few sites are left", where="secure sum",
                          why=f"{len(revealed)} answered, {threshold} are needed to undo the masks",
                          fix="repeat the round when more sites are reachable")  # fmt: skip
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    place = {site: number for number, site in enumerate(sorted(keys), start=1)}
    size = len(next(iter(masked.values())).low)
    total = Words(np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint64))
    for vector in masked.values():
        total = words.add(total, vector)

    def secret(kind: str, site: int) -> bytes:
        held = {place[other]: parts[kind][site] for other, parts in revealed.items()}
        return sharing.join(dict(list(held.items())[:threshold]))

    for site in masked:
        total = words.add(total, words.negate(_mask(secret("own", site), label, size)))
    for gone in sorted(set(keys) - set(masked)):
        private = X25519PrivateKey.from_private_bytes(secret("keys", gone))
        for site in masked:
            public = X25519PublicKey.from_public_bytes(bytes.fromhex(keys[site]))
            mask = _mask(private.exchange(public), label, size)
            total = words.add(total, words.negate(mask) if site < gone else mask)
    return words.decode(total)
