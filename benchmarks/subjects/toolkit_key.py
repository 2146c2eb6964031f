"""RSA key of this run, kept in the run's directory and shared by all processes of a subject."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_FILE = Path(os.environ["STATE_DIR"]) / "key.pem"
if not _FILE.exists():
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
PEM = _FILE.read_text()
