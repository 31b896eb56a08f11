# SPDX-License-Identifier: Apache-2.0
"""The envelope of event pushes and of their answers: signature, encryption, padding, owner key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # of the padding; AES itself has blocks of 16
RANDOM = 16  # bytes before the message
AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
TOKEN = re.compile(r"[A-Za-z0-9]{3,63}")


class BadEnvelope(Exception):
    """It cannot be opened; the text says why, with DingTalk's number where it has one."""


def sign(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    """Lower hex SHA-1 of the four in bytewise order."""
    words = sorted(word.encode() for word in (token, timestamp, nonce, encrypt))
    return hashlib.sha1(b"".join(words)).hexdigest()


@dataclass(frozen=True)
class Envelope:
    """What both sides know: the key, and whose the message is."""

    aes_key: str
    owner: str

    def _cipher(self) -> Cipher:
        if not AES_KEY.fullmatch(self.aes_key):
            raise ValueError("aes_key has 43 letters and digits")
        key = base64.b64decode(self.aes_key + "=")  # drops the spare bits of the last letter
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def close(self, message: bytes, random: bytes | None = None) -> str:
        """The message encrypted, in base64."""
        random = secrets.token_bytes(RANDOM) if random is None else random
        plain = random + len(message).to_bytes(4, "big") + message + self.owner.encode()
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, encrypt: str) -> bytes:
        """The message, after every check there is."""
        try:
            sealed = base64.b64decode(encrypt, validate=True)
        except (binascii.Error, ValueError):
            raise BadEnvelope("900008: encrypt is not base64") from None
        if not sealed or len(sealed) % BLOCK:
            raise BadEnvelope(f"900008: {len(sealed)} bytes are not whole blocks of {BLOCK}")
        decryptor = self._cipher().decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise BadEnvelope("900008: wrong padding, or another key")
        plain = plain[RANDOM:-pad]
        length = int.from_bytes(plain[:4], "big")
        if len(plain) < 4 or length > len(plain) - 4:
            raise BadEnvelope("900008: the length goes beyond the text")
        message, owner = plain[4:4 + length], plain[4 + length:]
        if owner != self.owner.encode():
            raise BadEnvelope(f"900010: the owner is {owner!r}")
        return message
