"""Reading a client ID metadata document, before anything else judges it."""

import json
from typing import Any

import pytest

from oauth_service.protocol import client_id_metadata_document as rules
from tests.clauses import clause

CLIENT_ID = "https://app.example/client.json"


def read(**members: Any) -> dict[str, Any]:
    """Read a document with these members."""
    return rules.read(json.dumps({"client_id": CLIENT_ID} | members).encode(), client_id=CLIENT_ID)


@clause("Client ID Metadata Document", "4.1")
@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "tls_client_auth", 1]
)
def test_a_method_that_needs_a_shared_secret_is_named_as_the_fault(method: Any) -> None:
    """A later check would blame a missing package, because registration replaces a method that it does not offer."""
    with pytest.raises(ValueError, match="neither none nor private_key_jwt"):
        read(token_endpoint_auth_method=method)


@clause("Client ID Metadata Document", "4.1")
@pytest.mark.parametrize("method", rules.METHODS)
def test_a_method_without_a_shared_secret_is_kept(method: str) -> None:
    """Both are for documents."""
    assert read(token_endpoint_auth_method=method)["token_endpoint_auth_method"] == method
