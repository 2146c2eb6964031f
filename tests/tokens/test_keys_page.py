"""docs/keys.md: its commands exist, and its signer works as printed, with a service that answers like AWS KMS."""

import re
import shlex
import sys
from types import ModuleType
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from pytest_django import Settings

from config.sites import ROOT
from oauth_service.management.commands.oauth_keys import Command
from oauth_service.tokens import keys

PAGE = (ROOT / "docs/keys.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)[2:] for line in re.findall(r"^    (manage\.py oauth_keys .+)$", PAGE, re.MULTILINE)
]


class FakeKms:
    """A key service that returns DER for ES256 and SubjectPublicKeyInfo for keys, as documented."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "alias/sso-rs256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "alias/sso-es256": ec.generate_private_key(ec.SECP256R1()),
        }

    def get_public_key(self, **asked: str) -> dict[str, bytes]:
        """Answer GetPublicKey."""
        public = self.keys[asked["KeyId"]].public_key()
        return {"PublicKey": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}

    def sign(self, **asked: Any) -> dict[str, bytes]:
        """Answer Sign."""
        assert asked["MessageType"] == "RAW"
        key, message = self.keys[asked["KeyId"]], asked["Message"]
        if asked["SigningAlgorithm"] == "ECDSA_SHA_256":
            return {"Signature": key.sign(message, ec.ECDSA(SHA256()))}
        assert asked["SigningAlgorithm"] == "RSASSA_PKCS1_V1_5_SHA_256"
        return {"Signature": key.sign(message, padding.PKCS1v15(), SHA256())}


@pytest.fixture
def signer(settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Install the page's signer.py in a project that has boto3."""
    boto3, module, kms = ModuleType("boto3"), ModuleType("signer_of_the_page"), FakeKms()
    boto3.client = lambda name: {"kms": kms}[name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    [source] = re.findall(r"^```python\n# signer\.py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(source, module.__dict__)  # noqa: S102 - the page's own code
    monkeypatch.setitem(sys.modules, "signer_of_the_page", module)
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    settings.OAUTH_SERVICE_SIGNER = "signer_of_the_page.Signer"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_signer_of_the_page_signs(signer: None, algorithm: str) -> None:
    """Users who copy it must get working code."""
    now = timezone.now()
    token = keys.sign({"sub": "1"}, algorithm=algorithm, typ="JWT", now=now)
    found = pyjwt.PyJWKSet.from_dict(keys.jwks(now))
    key = found[pyjwt.get_unverified_header(token)["kid"]].key
    assert pyjwt.decode(token, key, algorithms=[algorithm]) == {"sub": "1"}
    assert keys.algorithms() == ("RS256", "ES256")


def test_the_page_names_every_command() -> None:
    """The page names no other commands."""
    parsed = [Command().create_parser("manage.py", "oauth_keys").parse_args(words).action for words in COMMANDS]
    assert set(parsed) == {"list", "rotate", "import", "retire"}
