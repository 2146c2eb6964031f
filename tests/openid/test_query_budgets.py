"""
The most statements that a message may take with OpenID Connect, BEGIN and COMMIT included: the same as for plain OAuth.
"""

import pytest

from oauth_service.models import Client, purge
from tests.architecture.test_query_budgets import at_most, status
from tests.database import connection
from tests.openid.conftest import RelyingParty

# Within a test's own transaction, BEGIN would be a SAVEPOINT.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True, params=["RS256", "ES256"])
def warm(rp: RelyingParty, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare everything: secrets checked, statements compiled, keys parsed, and the user signed in with a consent."""
    Client.objects.update(id_token_signed_response_alg=request.param)
    tokens = rp.tokens(scope="openid profile email")
    rp.refresh(tokens["refresh_token"])
    rp.userinfo(tokens["access_token"])
    monkeypatch.setattr(purge, "_next_at", float("inf"))


def test_a_code_exchange_costs_two_on_postgresql_and_five_elsewhere(rp: RelyingParty) -> None:
    """The sign-in is in the row of the code, and the key is in memory."""
    code = rp.connect(scope="openid email")["code"]
    with at_most(2 if connection.vendor == "postgresql" else 5):
        response = rp.exchange(code)
    assert (status(response), "id_token" in response.json()) == (200, True)


def test_a_refresh_costs_two_at_most(rp: RelyingParty) -> None:
    """A refresh also returns a new ID token, which takes no statement."""
    refresh_token = rp.tokens()["refresh_token"]
    with at_most(2):
        response = rp.refresh(refresh_token)
    assert (status(response), "id_token" in response.json()) == (200, True)


@pytest.mark.parametrize("algorithm", ["", "ES256"])
def test_userinfo_costs_one(rp: RelyingParty, algorithm: str) -> None:
    """A signed response takes no more statements than JSON."""
    access_token = rp.tokens(scope="openid profile email")["access_token"]
    Client.objects.update(userinfo_signed_response_alg=algorithm)
    rp.userinfo(access_token)
    with at_most(1):
        assert status(rp.userinfo(access_token)) == 200


@pytest.mark.parametrize(
    "changes", [{}, {"prompt": "none"}, {"max_age": "600"}, {"response_mode": "form_post"}], ids=str
)
def test_authorising_what_is_remembered_costs_four_at_most(rp: RelyingParty, changes: dict[str, str]) -> None:
    """Session, user, client with consent and the INSERT are the same as without OpenID Connect."""
    with at_most(4):
        assert status(rp.ask(**changes)) in (302, 200)


def test_a_client_that_hears_of_sign_outs_costs_one_more_at_most(rp: RelyingParty) -> None:
    """The additional statement records the client for the sign-out."""
    Client.objects.update(backchannel_logout_uri="https://rp.example/backchannel")
    rp.ask()
    with at_most(5):
        assert status(rp.ask()) == 302


def test_discovery_and_the_key_set_cost_nothing(rp: RelyingParty) -> None:
    """The documents need only settings, URLs, and keys in memory."""
    rp.server.get("/jwks/")
    with at_most(0):
        assert [status(rp.server.get(url)) for url in ("/.well-known/openid-configuration", "/jwks/")] == [200, 200]
