"""RFC 9207, Authorization Server Issuer Identification."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pytest_django import Settings

from tests.clauses import clause
from tests.guide import Guide
from tests.specs.answers import is_page, sent_back
from tests.specs.public import PublicGuide

ISSUER = "http://localhost:8000"


@clause("RFC 9207", "2")
def test_a_code_comes_with_its_issuer(guide: Guide) -> None:
    """
    "In authorization responses to the client, including error responses, an authorization server supporting this specification
    MUST indicate its identity by including the iss parameter in the response."
    """
    assert sent_back(guide.answer())["iss"] == ISSUER
    assert sent_back(guide.ask())["iss"] == ISSUER


@clause("RFC 9207", "2")
@pytest.mark.parametrize(
    ("method", "changes", "error"),
    [
        ("answer", {"deny": "1"}, "access_denied"),
        ("answer", {"scope": "everything"}, "invalid_scope"),
        ("ask", {"response_type": ""}, "invalid_request"),
        ("ask", {"response_type": "token"}, "unsupported_response_type"),
        ("ask", {"scope": "everything"}, "invalid_scope"),
        ("ask", {"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_an_error_comes_with_its_issuer(guide: Guide, method: str, changes: dict[str, Any], error: str) -> None:
    """ "[...] including error responses"."""
    answer = sent_back(getattr(guide, method)(**changes))
    assert (answer["error"], answer["iss"]) == (error, ISSUER)


@clause("RFC 9207", "2")
def test_an_app_on_the_device_is_told_the_issuer_too(public: PublicGuide) -> None:
    """Every kind of redirect URI gets it."""
    uri = "com.example.pills:/callback"
    assert sent_back(public.answer(redirect_uri=uri), to=uri)["iss"] == ISSUER
    assert sent_back(public.answer(redirect_uri=uri, deny="1"), to=uri)["iss"] == ISSUER


@clause("RFC 9207", "2")
@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example:8443/tenant"])
def test_it_is_the_issuer_identifier_encoded_for_a_query(guide: Guide, settings: Settings, issuer: str) -> None:
    """
    "The iss parameter value is the issuer identifier of the authorization server that created the authorization response [...].
    Its value MUST be a URL that uses the "https" scheme without any query or fragment components."
    """
    settings.OAUTH_SERVICE_ISSUER = issuer
    location = guide.answer()["Location"]
    assert location.endswith("&iss=" + issuer.replace(":", "%3A").replace("/", "%2F"))


@clause("RFC 9207", "2.3")
def test_it_is_the_issuer_of_the_metadata(guide: Guide) -> None:
    """
    "The issuer identifier included in the server's metadata value issuer MUST be identical to the iss parameter's value."
    """
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert sent_back(guide.answer())["iss"] == document["issuer"]


@clause("RFC 9207", "2.3")
def test_the_metadata_says_that_it_is_there(guide: Guide) -> None:
    """
    "The server MUST indicate its support for the iss parameter by setting the metadata parameter
    authorization_response_iss_parameter_supported [...] to true." A client may then refuse an answer without iss.
    """
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert document["authorization_response_iss_parameter_supported"] is True


@clause("RFC 9207", "2")
@pytest.mark.parametrize("deny", ["", "1"])
def test_a_request_cannot_make_the_answer_name_another_issuer(guide: Guide, deny: str) -> None:
    """
    The issuer is that "of the authorization server that created the authorization response": in a mix-up attack, an honest answer
    would have to look like the attacker's, so iss and error in a request are ignored.
    """
    location = guide.answer(iss="https://evil.example", error="x", code="x", deny=deny)["Location"]
    assert [value for name, value in parse_qsl(urlsplit(location).query) if name == "iss"] == [ISSUER]
    assert "evil" not in location


@clause("RFC 9207", "2")
def test_a_page_that_leads_nowhere_has_nothing_to_identify(guide: Guide) -> None:
    """ "In authorization responses to the client": without a verified client there is no such response, and so no mix-up."""
    assert is_page(guide.ask(client_id="nobody"))
