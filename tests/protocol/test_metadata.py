"""Authorization server metadata."""

from oauth_service.protocol import metadata


def test_the_document_says_what_the_rules_do() -> None:
    """Clients configure themselves by this document, so every member is checked, and there are no others."""
    methods = ["client_secret_basic", "client_secret_post", "none"]
    assert metadata.document(
        issuer="https://id.example",
        authorization_endpoint="https://id.example/authorise/",
        token_endpoint="https://id.example/token/",
        userinfo_endpoint="https://id.example/userinfo/",
        revocation_endpoint="https://id.example/oauth/revoke/",
        scopes={"user": "Your name"},
        grant_types=("authorization_code",),
        verifies_assertions=False,
    ) == {
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/authorise/",
        "token_endpoint": "https://id.example/token/",
        "userinfo_endpoint": "https://id.example/userinfo/",
        "revocation_endpoint": "https://id.example/oauth/revoke/",
        "scopes_supported": ["user"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
