"""/introspect/: clients learn about their own tokens, APIs about tokens for them, and others nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service import conf
from oauth_service.models import Client, Grant, Resource, RevokedToken
from oauth_service.protocol import sealed, token_id
from oauth_service.tokens import issue
from tests.guide import SECRET, Guide, basic

API = "https://api.example/pills"
INACTIVE = {"active": False}


@pytest.fixture(autouse=True)
def introspection(settings: Settings) -> Settings:
    """Introspection, switched on before any request."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    return settings


@pytest.fixture
def api(introspection: Settings, alice: User) -> Guide:
    """The client of an API, which asks about the tokens that users present there."""
    client = Client(client_id="pills_api", name="Pills API", grant_types="client_credentials")
    client.introspection_resources = f"https://api.example/other\n{API}"
    client.choose_secret(SECRET)
    client.save()
    return Guide(alice, client)


def told(response: Any) -> dict[str, Any]:
    """Return the members of a successful response."""
    assert response.status_code == 200, response.content
    members: dict[str, Any] = response.json()
    return members


def token_for(*audience: str, scope: str = "", lifetime: timedelta = timedelta(hours=1)) -> str:
    """Return an access token of the only grant for these resources, which are registered first."""
    for each in audience:
        Resource.objects.get_or_create(identifier=each, defaults={"name": "API", "is_for_all": True})
    grant, now = Grant.objects.get(), timezone.now()
    payload = sealed.AccessToken(
        row_id=grant.pk,
        token_id=token_id.new(now=now),
        expires_at=int((now + lifetime).timestamp()),
        audience=audience,
        scope=scope,
    )
    return sealed.seal(payload, conf.token_keys()[0], bytes(grant.secret))


@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("placement", ["body", "Basic"])
def test_a_client_hears_about_its_access_token(guide: Guide, placement: str, as_form: bool) -> None:
    """The response has exactly these members."""
    began = int(timezone.now().timestamp())
    tokens = guide.tokens()
    changes = {} if placement == "body" else {"client_id": "", "client_secret": ""}
    authorization = "" if placement == "body" else basic(guide.client.client_id, SECRET)
    members = told(guide.introspect(tokens["access_token"], as_form=as_form, authorization=authorization, **changes))
    iat, exp, jti = members.pop("iat"), members.pop("exp"), members.pop("jti")
    assert members == {
        "active": True,
        "client_id": "presc_man_123",
        "scope": "profile user",
        "sub": str(guide.alice.pk),
        "username": "alice",
        "token_type": "Bearer",
        "iss": "http://localhost:8000",
    }
    assert (began <= iat <= began + 5, exp - iat, len(jti)) == (True, 3600, 36)


def test_a_client_hears_about_its_refresh_token(guide: Guide) -> None:
    """A refresh token has no token_type, which describes the use of access tokens. It expires with its connection."""
    began = int(timezone.now().timestamp())
    members = told(guide.introspect(guide.tokens()["refresh_token"]))
    iat, exp = members.pop("iat"), members.pop("exp")
    assert members == {
        "active": True,
        "client_id": "presc_man_123",
        "scope": "user profile",
        "sub": str(guide.alice.pk),
        "iss": "http://localhost:8000",
    }
    assert (began <= iat <= began + 5, exp - iat) == (True, 30 * 24 * 3600)


def test_a_refresh_token_without_an_end_has_no_exp(guide: Guide, settings: Settings) -> None:
    """A date a hundred years ahead would mean nothing."""
    settings.OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = None
    assert "exp" not in told(guide.introspect(guide.tokens()["refresh_token"]))


def test_a_connection_that_may_only_get_so_old_ends_then(guide: Guide, settings: Settings) -> None:
    """The limit applies to connections that were made before the operator set it."""
    tokens = guide.tokens()
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=2)
    members = told(guide.introspect(tokens["refresh_token"]))
    assert members["exp"] - members["iat"] == 2 * 24 * 3600
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert told(guide.introspect(tokens["refresh_token"])) == INACTIVE


def test_a_client_hears_about_its_own_token(guide: Guide) -> None:
    """No user is involved: sub is the client, and there is no username."""
    guide.client.grant_types = "client_credentials"
    guide.client.save()
    body = {"grant_type": "client_credentials", "client_id": "presc_man_123", "client_secret": SECRET}
    members = told(guide.introspect(guide.post("/token/", body).json()["access_token"]))
    assert (members["active"], members["sub"], members["client_id"]) == (True, "presc_man_123", "presc_man_123")
    assert "username" not in members


@pytest.mark.parametrize("scope", ["user", "profile", "pills"])
def test_the_username_is_told_where_the_scope_covers_it(guide: Guide, settings: Settings, scope: str) -> None:
    """A user who allowed an app to see pills has not allowed it to see who they are, as at /userinfo/."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "You", "profile": "Your name", "pills": "Your pills"}
    guide.client.scope = "user profile pills"
    guide.client.save()
    members = told(guide.introspect(guide.tokens(scope=scope)["access_token"]))
    assert members.get("username") == (None if scope == "pills" else "alice")


def test_a_pairwise_client_hears_its_own_sub_and_no_username(guide: Guide, settings: Settings) -> None:
    """The sub is the same as in ID tokens. A username would reveal what pairwise subjects hide."""
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "p" * 32
    guide.client.subject_type = "pairwise"
    guide.client.save()
    tokens = guide.tokens()
    members = [told(guide.introspect(tokens[kind])) for kind in ("access_token", "refresh_token")]
    assert {each["sub"] for each in members} != {str(guide.alice.pk)}
    assert [("username" in each, each["sub"] == members[0]["sub"]) for each in members] == [(False, True)] * 2


# -- callers -----------------------------------------------------------------------------------------------------------


def test_an_api_hears_about_a_token_that_is_for_it(guide: Guide, api: Guide) -> None:
    """The audience of the token names the API."""
    guide.tokens()
    members = told(api.introspect(token_for(API)))
    assert (members["active"], members["aud"], members["client_id"]) == (True, API, "presc_man_123")
    assert told(api.introspect(token_for(API, "https://else.example")))["aud"] == [API, "https://else.example"]


@pytest.mark.parametrize("audience", [(), ("https://else.example",), (API + "/",), ("https://api.example",)])
def test_an_api_hears_of_no_other_token(guide: Guide, api: Guide, audience: tuple[str, ...]) -> None:
    """Identifiers are compared character by character, and a token without a resource is not for this API."""
    guide.tokens()
    assert told(api.introspect(token_for(*audience))) == INACTIVE


def test_a_token_that_was_asked_for_without_a_resource_is_for_that_of_the_server(
    guide: Guide, api: Guide, settings: Settings
) -> None:
    """OAUTH_SERVICE_RESOURCE names the default resource."""
    settings.OAUTH_SERVICE_RESOURCE = API
    token = guide.tokens()["access_token"]
    assert (told(api.introspect(token))["aud"], told(guide.introspect(token))["aud"]) == (API, API)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_client_hears_nothing(guide: Guide, api: Guide, kind: str) -> None:
    """Otherwise anyone who finds a token could learn whose it is."""
    assert told(api.introspect(guide.tokens()[kind])) == INACTIVE


def held_for(*resources: str) -> None:
    """Give the only grant these resources, as if they had been requested."""
    for each in resources:
        Resource.objects.get_or_create(identifier=each, defaults={"name": "API", "is_for_all": True})
    Grant.objects.update(resources=" ".join(resources))


@pytest.mark.parametrize("others", [(), ("https://stock.example/",)], ids=["alone", "among others"])
def test_a_refresh_token_says_for_which_apis_it_is(guide: Guide, others: tuple[str, ...]) -> None:
    """The token's own client learns for which resources it can get access tokens."""
    token = guide.tokens()["refresh_token"]
    held_for(API, *others)
    assert told(guide.introspect(token))["aud"] == ([API, *others] if others else API)


def test_an_api_hears_of_no_refresh_token(guide: Guide, api: Guide, settings: Settings) -> None:
    """An API that checks only `active` would take it for an access token, even one for itself."""
    token = guide.tokens()["refresh_token"]
    held_for(API)
    assert (told(guide.introspect(token))["aud"], told(api.introspect(token))) == (API, INACTIVE)
    held_for()
    settings.OAUTH_SERVICE_RESOURCE = API
    assert (told(guide.introspect(token))["aud"], told(api.introspect(token))) == (API, INACTIVE)


def test_a_refresh_token_names_no_api_that_is_gone(guide: Guide) -> None:
    """
    Tokens for a resource that is inactive or was taken from the client are no longer issued. Without any resource left
    the token is inactive.
    """
    token = guide.tokens()["refresh_token"]
    held_for(API, "https://stock.example/")
    Resource.objects.filter(identifier=API).update(is_active=False)
    assert told(guide.introspect(token))["aud"] == "https://stock.example/"
    Resource.objects.update(is_for_all=False, is_active=True)
    assert told(guide.introspect(token)) == INACTIVE


@pytest.mark.parametrize("client_secret", ["", "wrong"])
def test_who_is_not_proven_hears_nothing(guide: Guide, client_secret: str) -> None:
    """The response is 401, as at every other endpoint."""
    answer = guide.introspect(guide.tokens()["access_token"], client_secret=client_secret)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_public_client_hears_nothing(guide: Guide) -> None:
    """A public client proves nothing, and its client_id is public knowledge."""
    tokens = guide.tokens()
    guide.client.client_type = "public"
    guide.client.save()
    answer = guide.introspect(tokens["access_token"], client_secret="")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# -- ended tokens ------------------------------------------------------------------------------------------------------

ENDINGS: dict[str, Callable[[Guide, dict[str, Any]], object]] = {
    "the connection was revoked": lambda guide, tokens: guide.revoke(tokens["refresh_token"]),
    "the app was cut off": lambda guide, tokens: guide.deauthorise(),
    "the user is inactive": lambda guide, tokens: User.objects.update(is_active=False),
    "the user is gone": lambda guide, tokens: guide.alice.delete(),
    "the secret of the row is another": lambda guide, tokens: Grant.objects.update(secret=b"x" * 32),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_what_has_ended_is_inactive(guide: Guide, kind: str, ending: str) -> None:
    """The response says nothing else about the token."""
    tokens = guide.tokens()
    ENDINGS[ending](guide, tokens)
    assert told(guide.introspect(tokens[kind])) == INACTIVE


@pytest.mark.parametrize(("kind", "days"), [("access_token", 0.05), ("refresh_token", 31)])
def test_what_has_expired_is_inactive(guide: Guide, kind: str, days: float) -> None:
    """Access tokens and refresh tokens each have their own lifetime."""
    tokens = guide.tokens()
    with time_machine.travel(timezone.now() + timedelta(days=days)):
        assert told(guide.introspect(tokens[kind])) == INACTIVE


def test_an_access_token_that_was_revoked_is_inactive(guide: Guide) -> None:
    """The access token ends alone; the refresh token stays valid."""
    tokens = guide.tokens()
    guide.revoke(tokens["access_token"])
    found = [told(guide.introspect(tokens[kind]))["active"] for kind in ("access_token", "refresh_token")]
    assert found == [False, True]


def test_a_refresh_token_that_was_rotated_is_inactive_and_asking_is_no_replay(guide: Guide) -> None:
    """Asking about a token is not using it: nothing ends, however old the token is."""
    first = guide.tokens()
    second = guide.refresh(first["refresh_token"]).json()
    third = guide.refresh(second["refresh_token"]).json()
    with time_machine.travel(timezone.now() + timedelta(minutes=30)):
        asked = [told(guide.introspect(each["refresh_token"]))["active"] for each in (first, second, third)]
    assert asked == [False, False, True]
    assert (guide.is_alive(third["access_token"]), Grant.objects.count()) == (True, 1)


def test_a_client_that_may_not_refresh_any_more_has_no_good_refresh_token(guide: Guide) -> None:
    """The token endpoint would refuse it."""
    tokens = guide.tokens()
    guide.client.grant_types = "authorization_code"
    guide.client.save()
    assert told(guide.introspect(tokens["refresh_token"])) == INACTIVE


def test_what_was_taken_from_the_client_is_not_in_the_scope(guide: Guide) -> None:
    """A resource that relies on the response must refuse the same as /userinfo/."""
    tokens = guide.tokens()
    guide.client.scope = "profile"
    guide.client.save()
    scopes = [told(guide.introspect(tokens[kind]))["scope"] for kind in ("access_token", "refresh_token")]
    assert scopes == ["profile", "profile"]


@pytest.mark.parametrize(
    "token", ["nonsense", "AT_nonsense", "RT_nonsense", "SPL__x", "AT_" + "A" * 5000, "é", "a.b.c"]
)
def test_what_is_no_token_is_inactive(guide: Guide, token: str) -> None:
    """A "query for an inactive or otherwise invalid token [...] is not considered an error" (RFC 7662 section 2.3)."""
    assert told(guide.introspect(token)) == INACTIVE


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_forged_token_is_inactive(guide: Guide, kind: str) -> None:
    """Knowing the id of a grant does not help to make a token of it."""
    token = guide.tokens()[kind]
    forged = token[:-2] + ("AA" if not token.endswith("AA") else "QQ")
    assert told(guide.introspect(forged)) == INACTIVE


def test_a_code_is_no_token(guide: Guide) -> None:
    """Asking about a code does not use it up."""
    code = guide.code()
    assert told(guide.introspect(code)) == INACTIVE
    assert guide.exchange(code).status_code == 200


def test_asking_changes_nothing(guide: Guide) -> None:
    """No row is written, however often a client asks."""
    tokens = guide.tokens()
    before = Grant.objects.values().get()
    for kind in ("access_token", "refresh_token"):
        told(guide.introspect(tokens[kind]))
    assert (Grant.objects.values().get(), RevokedToken.objects.count()) == (before, 0)


# -- the endpoint ------------------------------------------------------------------------------------------------------


def test_what_is_asked_about_must_be_said(guide: Guide) -> None:
    """An API that sends no token has lost it on the way, and must learn so."""
    answer = guide.introspect("")
    assert (answer.status_code, answer.json()["error_description"]) == (400, "token is missing")


def test_no_answer_is_kept(guide: Guide, api: Guide) -> None:
    """A cached response would outlive the token."""
    token = guide.tokens()["access_token"]
    answers = [guide.introspect(token), api.introspect(token), guide.introspect(token, client_secret="wrong")]
    assert {answer["Cache-Control"] for answer in answers} == {"private, no-store"}


def test_it_answers_without_its_slash(guide: Guide) -> None:
    """Developers copy URLs from documentation with and without the slash."""
    body = {"token": guide.tokens()["access_token"], "client_id": "presc_man_123", "client_secret": SECRET}
    assert told(guide.post("/introspect", body))["active"]


@pytest.mark.parametrize("path", ["/introspect/", "/introspect"])
def test_switched_off_it_is_not_there(guide: Guide, settings: Settings, path: str) -> None:
    """A feature that is off has no endpoint and is not in the metadata."""
    settings.OAUTH_SERVICE_INTROSPECTION = False
    assert guide.post(path, {"token": guide.tokens()["access_token"]}).status_code == 404
    document = Browser().get("/.well-known/oauth-authorization-server").json()
    assert [name for name in document if name.startswith("introspection")] == []


def test_it_is_in_the_metadata() -> None:
    """Only the methods of confidential clients are listed; otherwise as for the revocation endpoint."""
    document = Browser().get("/.well-known/oauth-authorization-server").json()
    of_revocation = {
        name.replace("revocation", "introspection"): [each for each in value if each != "none"]
        for name, value in document.items()
        if name.startswith("revocation_endpoint_")
    }
    assert {name: value for name, value in document.items() if name.startswith("introspection")} == {
        "introspection_endpoint": "http://localhost:8000/introspect/",
        **of_revocation,
    }


def test_whoever_guesses_secrets_is_told_to_wait(guide: Guide) -> None:
    """Failures count together with all other authentications of the client."""
    answers = [guide.introspect("AT_x", client_secret=f"wrong {number}").status_code for number in range(11)]
    assert answers == [401] * 10 + [429]


@pytest.mark.parametrize("text", ["pills", "https://api.example/#x", "https://api.example/ä", 'https://api.example/"'])
def test_a_resource_is_an_absolute_uri(text: str) -> None:
    """RFC 8707 section 2: no token would ever name an identifier that is none."""
    client = Client(client_id="api", name="API", grant_types="client_credentials", introspection_resources=text)
    with pytest.raises(ValidationError, match=r"absolute|fragment|characters"):
        client.clean_fields()


def test_the_admin_shows_it_where_it_is_on(admin_client: Browser, settings: Settings) -> None:
    """A feature that is off is absent from the form."""
    pages = []
    for is_on in (True, False):
        settings.OAUTH_SERVICE_INTROSPECTION = is_on
        pages.append("introspection_resources" in admin_client.get("/admin/oauth_service/client/add/").content.decode())
    assert pages == [True, False]


# -- when a token was issued -------------------------------------------------------------------------------------------


def test_the_id_of_a_token_says_when_it_was_issued() -> None:
    """The ids are UUIDs of version 7 and the variant of RFC 9562, and no two are equal."""
    now = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
    ids = {token_id.new(now=now) for _ in range(100)}
    assert (len(ids), {each.version for each in ids}, {each.variant for each in ids}) == (100, {7}, {uuid4().variant})
    assert {token_id.issued_at(each) for each in ids} == {int(now.timestamp())}


def test_an_id_of_another_kind_says_nothing() -> None:
    """Tokens from before this format are still valid."""
    assert token_id.issued_at(uuid4()) is None


def test_every_access_token_has_such_an_id(guide: Guide) -> None:
    """Introspection needs the time of issue of every access token, whichever grant type issued it."""
    tokens = guide.tokens()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    own = issue.own_token(Client.objects.row("presc_man_123"), scope="user", now=timezone.now())  # type: ignore[arg-type]
    texts = [tokens["access_token"], renewed["access_token"], own.access_token.reveal()]
    versions = [sealed.read(sealed.AccessToken, text).payload.token_id.version for text in texts]
    assert versions == [7, 7, 7]
