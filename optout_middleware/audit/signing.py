"""Signatures over run manifests: Ed25519 (RFC 8032), over the bytes of the manifest as it is stored.

Rule of this file: keys come from PEM files, as `openssl genpkey -algorithm ed25519` writes them; a key that cannot be
used is one line for whoever named it.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from optout_middleware.terms import OptOutError


def private_key(path: str) -> Ed25519PrivateKey:
    """Read the key that signs.

    Args:
        path: of a PEM file with an Ed25519 private key, not encrypted.

    Raises:
        OptOutError: it is none, or cannot be read.
    """
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OptOutError(f"OPTOUT_AUDIT_KEY: {path} is no private key that can be read: {_said(error)}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise OptOutError(f"OPTOUT_AUDIT_KEY: {path} is no Ed25519 key: make one with openssl genpkey")
    return key


def public_key(path: str) -> str:
    """Read the key that signatures are held against; 64 hexadecimal digits.

    Args:
        path: of a PEM file with an Ed25519 public key.

    Raises:
        OptOutError: it is none, or cannot be read.
    """
    try:
        key = load_pem_public_key(Path(path).read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise OptOutError(f"{path} is no public key that can be read: {_said(error)}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise OptOutError(f"{path} is no Ed25519 public key")
    return key.public_bytes_raw().hex()


def public_of(key: Ed25519PrivateKey) -> str:
    """Give the public half of a key; 64 hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def is_signed(public: str, signature: bytes, data: bytes) -> bool:
    """Tell whether the signature is of that key over that data; a key that is none has signed nothing."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
