"""Simultaneous uses of one assertion of a trusted issuer, and an issuer that is switched off in the meantime."""

import pytest
from pytest_django import Settings

from oauth_service.models import Consent, Grant, Once, TrustedIssuer
from tests.clauses import clause
from tests.concurrency.threads import stopped, together
from tests.database import connection
from tests.guide import Guide
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, trusted


@pytest.fixture
def idp(guide: Guide, settings: Settings) -> IdentityProvider:
    """An issuer whose word stands for consent, so that every request would write one."""
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    return trusted(guide.client, stands_for_consent=True)


@clause("RFC 7523", "3")
@pytest.mark.parametrize("purpose", ["jwt-bearer", "id-jag"])
def test_of_twenty_uses_of_one_grant_exactly_one_wins(idp: IdentityProvider, purpose: str) -> None:
    """There is one token, one connection and one consent, and no failure."""
    assertion = idp.jwt(purpose)
    answers = together(*[lambda: idp.present(assertion)] * 20)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert (Once.objects.count(), Grant.objects.count(), Consent.objects.count()) == (1, 1, 1)
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    assert idp.userinfo(won["access_token"]) == 200


def test_twenty_assertions_share_one_consent(idp: IdentityProvider) -> None:
    """Each request gets its own token."""
    assertions = [idp.jwt() for _ in range(20)]
    answers = together(*[lambda each=each: idp.present(each) for each in assertions])
    assert {answer.status_code for answer in answers} == {200}
    assert (Grant.objects.count(), Consent.objects.count()) == (20, 1)


def test_an_issuer_that_is_switched_off_during_a_request_gives_no_token(idp: IdentityProvider) -> None:
    """The request read that the issuer is trusted, and writes only afterwards."""
    # SQLite's transactions lock the database when they begin.
    first = "INSERT" if connection.vendor == "postgresql" else "BEGIN"
    with stopped(lambda: idp.present(idp.jwt()), before=first) as answer:
        TrustedIssuer.objects.update(is_active=False)
    tokens = answer.result().json()
    assert idp.userinfo(tokens["access_token"]) == 401
