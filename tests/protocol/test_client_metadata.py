"""Contradictions in a client's registration (OpenID Connect Registration 1.0 section 2)."""

from datetime import timedelta
from typing import Any

import pytest

from oauth_service.models import Client
from oauth_service.protocol import client_metadata

PLAIN = {"client_id": "c", "name": "C", "redirect_uris": "https://c.example/cb"}


def faults(*, can_pair: bool = False, **columns: Any) -> list[str]:
    """Return the columns with a fault."""
    client = Client(**{**PLAIN, **columns})
    return [
        column for column, _words in client_metadata.faults_of(client, algorithms=["RS256", "ES256"], can_pair=can_pair)
    ]


def test_an_ordinary_client_has_no_fault() -> None:
    """Both a confidential and a public client pass the check."""
    assert (faults(), faults(client_type="public", token_endpoint_auth_method="none")) == ([], [])


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"client_type": "public", "token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
        ({"access_token_lifetime": timedelta(0)}, "access_token_lifetime"),
        ({"refresh_token_lifetime": timedelta(seconds=-1)}, "refresh_token_lifetime"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg"),
        ({"id_token_signed_response_alg": "HS256"}, "id_token_signed_response_alg"),
        ({"userinfo_signed_response_alg": "EdDSA"}, "userinfo_signed_response_alg"),
        ({"sector_identifier_uri": "http://c.example/s"}, "sector_identifier_uri"),
        ({"subject_type": "pairwise"}, "subject_type"),
        ({"initiate_login_uri": "http://c.example/login"}, "initiate_login_uri"),
        ({"backchannel_logout_uri": "https://c.example/#out"}, "backchannel_logout_uri"),
        ({"backchannel_logout_uri": "http://c.example/out"}, "backchannel_logout_uri"),
        ({"frontchannel_logout_uri": "https://other.example/out"}, "frontchannel_logout_uri"),
        ({"frontchannel_logout_uri": "https://c.example:8443/out"}, "frontchannel_logout_uri"),
    ],
)
def test_what_does_not_fit_is_named(columns: dict[str, Any], found: str) -> None:
    """The column tells the operator which field to change."""
    assert faults(**columns) == [found]


def test_a_pairwise_client_needs_one_sector() -> None:
    """The sector is the only host of the redirect URIs, or the host of a document (Core section 8.1)."""
    two = {"subject_type": "pairwise", "redirect_uris": "https://a.example/\nhttps://b.example/"}
    assert faults(can_pair=True, **two) == ["sector_identifier_uri"]
    assert faults(can_pair=True, **two, sector_identifier_uri="https://a.example/s.json") == []
    assert faults(can_pair=True, subject_type="pairwise") == []


def test_the_front_channel_may_name_the_default_port() -> None:
    """Port 443 is the default of https."""
    assert faults(frontchannel_logout_uri="https://c.example:443/out") == []
