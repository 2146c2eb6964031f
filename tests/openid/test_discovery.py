"""OpenID Connect Discovery 1.0."""

from pytest_django import Settings

from tests.clauses import clause
from tests.guide import Guide
from tests.openid.conftest import RelyingParty


@clause("OpenID Connect Discovery 1.0", "3")
def test_the_document_says_exactly_what_works(rp: RelyingParty) -> None:
    """
    Clients rely on every member. Both URLs, with and without the trailing slash, return the document without a
    redirect.
    """
    document = rp.server.get("/.well-known/openid-configuration").json()
    assert document == rp.server.get("/.well-known/oauth-authorization-server").json()
    assert {
        name: document[name]
        for name in (
            *("issuer", "jwks_uri", "userinfo_endpoint", "end_session_endpoint", "subject_types_supported"),
            *("id_token_signing_alg_values_supported", "response_types_supported", "claims_parameter_supported"),
            *("request_object_signing_alg_values_supported",),
            *("request_parameter_supported", "request_uri_parameter_supported", "code_challenge_methods_supported"),
        )
    } == {
        "issuer": "https://id.example",
        "jwks_uri": "https://id.example/jwks/",
        "userinfo_endpoint": "https://id.example/userinfo/",
        "end_session_endpoint": "https://id.example/oauth/logout/",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "PS256", "EdDSA"],
        "response_types_supported": ["code"],
        "claims_parameter_supported": True,
        "request_object_signing_alg_values_supported": ["RS256"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "code_challenge_methods_supported": ["S256"],
    }
    assert {"openid", "offline_access"} <= set(document["scopes_supported"])
    assert {"sub", "email", "name"} <= set(document["claims_supported"])


def test_a_plain_oauth_server_has_no_such_document(settings: Settings, guide: Guide) -> None:
    """A feature that is off is absent."""
    assert guide.server.get("/.well-known/openid-configuration").status_code == 404
    assert "jwks_uri" not in guide.server.get("/.well-known/oauth-authorization-server").json()
