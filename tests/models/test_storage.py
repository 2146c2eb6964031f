"""The stored rows: few, and of no use to somebody who steals them."""

import pytest
from django.db import models
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Client, Consent, Grant, Once, RevokedToken
from tests.guide import SECRET, Guide

MODELS: tuple[type[models.Model], ...] = (AuthorizationCode, Client, Consent, Grant, Once, RevokedToken)

JTI = "the jti of an assertion"


def row_counts() -> dict[str, int]:
    """Return the number of rows of each model."""
    return {model.__name__: model._default_manager.count() for model in MODELS}


def test_rows_do_not_grow_with_tokens_issued(guide: Guide) -> None:
    """Storage grows with live grants only: access tokens and refreshes leave no rows."""
    tokens = guide.tokens()
    before = row_counts()
    for _ in range(10):
        tokens = guide.refresh(tokens["refresh_token"]).json()
        guide.refresh(tokens["refresh_token"], scope="user")
        guide.userinfo(tokens["access_token"])
        guide.exchange("SPL__nonsense")
    assert row_counts() == before
    assert before == {"AuthorizationCode": 0, "Client": 1, "Consent": 1, "Grant": 1, "Once": 0, "RevokedToken": 0}


def test_what_is_stored_opens_nothing(guide: Guide) -> None:
    """A stolen database must have no column with a code, a token or a client secret."""
    code, tokens = guide.code(), guide.tokens()
    guide.revoke(tokens["access_token"])
    Once.objects.use("assertion", JTI, until=timezone.now())
    stored = [str(value) for model in MODELS for row in model._default_manager.values() for value in row.values()]
    secrets = [code, tokens["access_token"], tokens["refresh_token"], SECRET, JTI]
    secrets += [secret[-43:] for secret in secrets[:3]]  # their MACs, 43 characters of base64url
    assert len(stored) > 30
    assert [secret for secret in secrets for value in stored if secret in value] == []


@pytest.mark.parametrize("model", [AuthorizationCode, Client, Consent, Grant, Once, RevokedToken])
def test_no_row_shows_a_secret_of_its_own(guide: Guide, model: type[models.Model]) -> None:
    """str() and repr() end up in logs, in the admin and in tracebacks."""
    guide.code()
    guide.revoke(guide.tokens()["access_token"])
    Once.objects.use("assertion", "jti", until=timezone.now())
    row = model._default_manager.get()
    own = [bytes(value).hex() for value in vars(row).values() if isinstance(value, bytes | memoryview)]
    hashes = [value for name, value in vars(row).items() if name.endswith("_hash") and value]
    shown = str(row) + repr(row)
    assert [secret for secret in [*own, *hashes] if secret in shown] == []
    assert str(row)


def test_a_consent_names_both_its_ends(guide: Guide) -> None:
    """The lists of the admin show this name."""
    guide.answer()
    assert str(Consent.objects.get()) == "Prescription Manager · alice"
