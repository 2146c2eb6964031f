"""JWT access tokens (RFC 9068): strangers verify them by the key set alone, and on this server they end at once."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import jwt as pyjwt
import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.http import JsonResponse
from django.urls import include, path
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Grant, Resource, RevokedToken
from oauth_service.protect import ProtectedRequest, protect
from oauth_service.protocol import sealed
from oauth_service.tokens import issue, keys
from oauth_service.tokens.resources import allowed
from tests.actors import FORM
from tests.architecture.test_query_budgets import at_most
from tests.conftest import FORGE
from tests.openid.conftest import RelyingParty

API = "https://api.example/pills"
OTHER = "https://api.example/other"

pytestmark = pytest.mark.urls("tests.openid.test_jwt_access_tokens")


@protect("profile", resource=API, allow_clients=True)
def guarded(request: ProtectedRequest) -> JsonResponse:
    """A view of the API, guarded by this server."""
    user = request.bearer.user
    return JsonResponse({"user": user and user.get_username(), "scope": sorted(request.bearer.scope)})


urlpatterns = [path("pills/", guarded), path("", include("oauth_service.urls"))]


@pytest.fixture
def api(rp: RelyingParty, settings: Settings) -> Resource:
    """An API whose tokens are JWTs, and another one."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    rp.client.grant_types = "authorization_code refresh_token client_credentials"
    rp.client.introspection_resources = API
    rp.client.save()
    lifetime = timedelta(minutes=10)
    Resource.objects.create(identifier=OTHER, name="Other", token_format="jwt", is_for_all=True)
    return Resource.objects.create(
        identifier=API, name="Pills", token_format="jwt", is_for_all=True, access_token_lifetime=lifetime
    )


def own_token(rp: RelyingParty, *resources: str) -> Any:
    """Return the response to a client that asks for a token of its own."""
    fields = [("grant_type", "client_credentials"), ("scope", "profile"), *rp.credentials.items()]
    form = "&".join(
        f"{name}={value.replace(' ', '+')}" for name, value in [*fields, *(("resource", each) for each in resources)]
    )
    return rp.server.post("/token/", form, content_type=FORM).json()


def persons_token(rp: RelyingParty, resource: str = API) -> str:
    """Return a token of a user's grant."""
    if not Grant.objects.exists():
        rp.tokens(scope="openid profile")
    row, client = Grant.objects.row(Grant.objects.get().pk), Client.objects.row("rp")
    assert row
    assert client
    now = timezone.now()
    response = issue.tokens(
        row,
        client,
        generation=0,
        scope="profile",
        ends_at=row.expires_at,
        issuer="https://id.example",
        now=now,
        resources=allowed((resource,), client),
    )
    return response.access_token.reveal()


def call(rp: RelyingParty, token: str, url: str = "/pills/") -> Any:
    """Send a token to the API that this server guards."""
    return rp.server.get(url, headers={"Authorization": f"Bearer {token}"})


def introspected(rp: RelyingParty, token: str) -> dict[str, Any]:
    """Return what introspection tells the API about a token."""
    form = {"token": token, **rp.credentials}
    members: dict[str, Any] = rp.server.post("/introspect/", json.dumps(form), content_type="application/json").json()
    return members


def revoke(rp: RelyingParty, token: str) -> int:
    """Send POST /oauth/revoke/."""
    form = {"token": token, **rp.credentials}
    return int(rp.server.post("/oauth/revoke/", json.dumps(form), content_type="application/json").status_code)


def as_a_stranger(rp: RelyingParty, token: str) -> dict[str, Any]:
    """Return the claims of a token, as an API reads them by this server's metadata and PyJWT."""
    found = {each["kid"]: pyjwt.PyJWK(each) for each in rp.server.get("/jwks/").json()["keys"]}
    header = pyjwt.get_unverified_header(token)
    assert header["typ"] == "at+jwt"
    key = found[header["kid"]]
    claims: dict[str, Any] = pyjwt.decode(
        token, key, algorithms=[key.algorithm_name], audience=API, issuer="https://id.example"
    )
    return claims


MAKERS: dict[str, Callable[[RelyingParty], str]] = {
    "a person's": persons_token,
    "a client's own": lambda rp: str(own_token(rp, API)["access_token"]),
}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "EdDSA"])
def test_a_stranger_verifies_it_by_the_key_set(rp: RelyingParty, api: Resource, algorithm: str) -> None:
    """An API uses any library of its choice. The resource chooses the algorithm."""
    Resource.objects.update(signing_alg=algorithm)
    token = own_token(rp, API)["access_token"]
    assert (pyjwt.get_unverified_header(token)["alg"], as_a_stranger(rp, token)["sub"]) == (algorithm, "rp")


def test_the_claims_of_a_persons_token(rp: RelyingParty, api: Resource, settings: Settings) -> None:
    """The token has every claim that RFC 9068 requires, and the facts about the sign-in."""
    settings.OAUTH_SERVICE_ACR = "1"
    claims = as_a_stranger(rp, persons_token(rp))
    iat, exp, jti, auth_time = (claims.pop(name) for name in ("iat", "exp", "jti", "auth_time"))
    assert claims == {
        "iss": "https://id.example",
        "sub": str(rp.user.pk),
        "aud": API,
        "client_id": "rp",
        "scope": "profile",
        "acr": "1",
        "amr": ["pwd"],
    }
    assert (exp - iat, jti[:4], abs(iat - auth_time) < 60) == (600, "JTI_", True)


def test_the_claims_of_a_clients_own_token(rp: RelyingParty, api: Resource) -> None:
    """No user is involved, so sub is the client (RFC 9068 section 2.2)."""
    claims = as_a_stranger(rp, own_token(rp, API)["access_token"])
    assert (claims["sub"], claims["client_id"], "auth_time" in claims) == ("rp", "rp", False)


def test_a_pairwise_client_keeps_its_sub(rp: RelyingParty, api: Resource, settings: Settings) -> None:
    """The sub is the same as in ID tokens. The primary key would undo its purpose."""
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "p" * 32
    rp.client.subject_type = "pairwise"
    rp.client.save()
    tokens = rp.tokens(scope="openid profile")
    assert as_a_stranger(rp, persons_token(rp))["sub"] == rp.claims(tokens["id_token"])["sub"] != str(rp.user.pk)


@pytest.mark.parametrize("resources", [(), (API, OTHER)], ids=["none", "several"])
def test_without_one_resource_that_wants_it_a_token_is_opaque(
    rp: RelyingParty, api: Resource, resources: tuple[str, ...]
) -> None:
    """Each of several resources could use a common JWT at the others (RFC 9068 section 5)."""
    assert own_token(rp, *resources)["access_token"].startswith("AT_")


@pytest.mark.parametrize("maker", MAKERS)
def test_our_own_guard_takes_it(rp: RelyingParty, api: Resource, maker: str) -> None:
    """A view that this server guards must accept a JWT like an opaque token."""
    answer = call(rp, MAKERS[maker](rp))
    assert (answer.status_code, answer.json()["scope"]) == (200, ["profile"])
    assert answer.json()["user"] == (rp.user.username if maker == "a person's" else None)


@pytest.mark.django_db(transaction=True)  # a key made in a transaction is not certain until the transaction ends
@pytest.mark.parametrize("maker", MAKERS)
def test_our_own_guard_asks_once(rp: RelyingParty, api: Resource, maker: str) -> None:
    """A JWT takes one statement and one more for the audience, like an opaque token. The process caches the keys."""
    token = MAKERS[maker](rp)
    call(rp, token)
    with at_most(2):
        assert call(rp, token).status_code == 200


@pytest.mark.parametrize("maker", MAKERS)
def test_introspection_knows_it(rp: RelyingParty, api: Resource, maker: str) -> None:
    """An API gets the same facts from introspection as from the token's claims."""
    token = MAKERS[maker](rp)
    members, claims = introspected(rp, token), as_a_stranger(rp, token)
    shared = ("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope")
    assert {name: members[name] for name in shared} == {name: claims[name] for name in shared}


# -- its end -----------------------------------------------------------------------------------------------------------

ENDINGS: dict[str, Callable[[RelyingParty, str], object]] = {
    "it was revoked": revoke,
    "its client was deactivated": lambda rp, token: Client.objects.update(is_active=False),
    "its client is gone": lambda rp, token: Client.objects.get(client_id="rp").delete(),
    "its row has another secret": lambda rp, token: (
        Grant.objects.update(secret=b"x" * 32),
        Client.objects.update(own_secret=b"x" * 32),
    ),
    "its key was retired": lambda rp, token: keys.retire(
        str(pyjwt.get_unverified_header(token)["kid"]), now=timezone.now()
    ),
}
OF_A_PERSON: dict[str, Callable[[RelyingParty, str], object]] = {
    "its grant is gone": lambda rp, token: Grant.objects.all().delete(),
    "its user is inactive": lambda rp, token: User.objects.update(is_active=False),
}


@pytest.mark.parametrize(
    ("maker", "ending"),
    [(maker, ending) for maker in MAKERS for ending in ENDINGS] + [("a person's", ending) for ending in OF_A_PERSON],
)
def test_here_it_dies_at_once(rp: RelyingParty, api: Resource, maker: str, ending: str) -> None:
    """Only strangers have to wait until a JWT expires. Our guard and introspection refuse it at once."""
    token = MAKERS[maker](rp)
    assert call(rp, token).status_code == 200
    (ENDINGS | OF_A_PERSON)[ending](rp, token)
    assert call(rp, token).status_code == 401
    if Client.objects.filter(client_id="rp", is_active=True).exists():
        assert introspected(rp, token) == {"active": False}


def test_it_is_revoked_alone(rp: RelyingParty, api: Resource) -> None:
    """The server stores the token's id until the token expires. The grant stays alive."""
    first, second = persons_token(rp), persons_token(rp)
    assert revoke(rp, first) == 200
    assert ([call(rp, each).status_code for each in (first, second)], RevokedToken.objects.count()) == ([401, 200], 1)


def test_another_client_cannot_revoke_it(rp: RelyingParty, api: Resource) -> None:
    """The response is 200 and the token stays valid, as for every other client's token."""
    token = persons_token(rp)
    other = Client(client_id="other", name="Other", redirect_uris="https://other.example/cb")
    other.choose_secret("a secret that a person chose")
    other.save()
    form = {"token": token, "client_id": "other", "client_secret": "a secret that a person chose"}
    assert rp.server.post("/oauth/revoke/", json.dumps(form), content_type="application/json").status_code == 200
    assert call(rp, token).status_code == 200


def test_it_expires(rp: RelyingParty, api: Resource) -> None:
    """The resource's lifetime holds for strangers and for this server."""
    token = persons_token(rp)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert (call(rp, token).status_code, introspected(rp, token)) == (401, {"active": False})
        with pytest.raises(pyjwt.ExpiredSignatureError):
            as_a_stranger(rp, token)


def test_its_key_is_published_until_it_has_expired(rp: RelyingParty, api: Resource) -> None:
    """Good tokens could not be verified if the key went earlier."""
    Resource.objects.filter(identifier=API).update(access_token_lifetime=timedelta(days=100))
    assert keys.longest_use() >= timedelta(days=101)
    Resource.objects.update(token_format="opaque")
    assert keys.longest_use() < timedelta(days=101)


def test_a_lifetime_that_is_the_clients_counts_for_keys_too(rp: RelyingParty, api: Resource) -> None:
    """A resource without a lifetime uses that of each client."""
    Client.objects.update(access_token_lifetime=timedelta(days=200))
    assert keys.longest_use() >= timedelta(days=201)


# -- attacks -----------------------------------------------------------------------------------------------------------


def encoded(members: dict[str, Any]) -> str:
    """Encode JSON as base64url."""
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def unsigned(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return header, claims and signature."""
    header, claims, signature = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims)]
    return read[0], read[1], signature


def with_none(rp: RelyingParty, token: str) -> str:
    header, claims, _ = unsigned(token)
    return f"{encoded(header | {'alg': 'none'})}.{encoded(claims)}."


def with_public_key_as_secret(rp: RelyingParty, token: str) -> str:
    header, claims, _ = unsigned(token)
    jwk = next(each for each in rp.server.get("/jwks/").json()["keys"] if each["kid"] == header["kid"])
    signing_input = f"{encoded(header | {'alg': 'HS256'})}.{encoded(claims)}"
    digest = hmac.digest(json.dumps(jwk).encode(), signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_another_kid(rp: RelyingParty, token: str) -> str:
    header, claims, signature = unsigned(token)
    keys.sign({}, algorithm="ES256", typ="JWT", now=timezone.now())
    kid = next(each["kid"] for each in rp.server.get("/jwks/").json()["keys"] if each["alg"] == "ES256")
    return f"{encoded(header | {'kid': kid})}.{encoded(claims)}.{signature}"


def with_own_key(rp: RelyingParty, token: str) -> str:
    header, claims, _ = unsigned(token)
    key = FORGE.generate("RS256")
    jwk = dict(key.public.jwk)
    signing_input = f"{encoded(header | {'jwk': jwk})}.{encoded(claims)}"
    return f"{signing_input}.{base64.urlsafe_b64encode(key.sign(signing_input.encode())).rstrip(b'=').decode()}"


def with_wider_scope(rp: RelyingParty, token: str) -> str:
    header, claims, signature = unsigned(token)
    return f"{encoded(header)}.{encoded(claims | {'scope': 'profile email'})}.{signature}"


def signed_anew(typ: str, **changes: Any) -> Callable[[RelyingParty, str], str]:
    """Return an attack: the claims, signed by our own key, as another kind of token or for another moment."""
    return lambda rp, token: keys.sign(unsigned(token)[1] | changes, algorithm="RS256", typ=typ, now=timezone.now())


ATTACKS: dict[str, Callable[[RelyingParty, str], str]] = {
    "alg none": with_none,
    "HS256 under the public key": with_public_key_as_secret,
    "the kid of another key": with_another_kid,
    "a key of its own in the header": with_own_key,
    "another scope": with_wider_scope,
    "an ID token": lambda rp, token: str(rp.tokens(scope="openid profile")["id_token"]),
    "a JWT without our type": signed_anew("JWT"),
    "a logout token": signed_anew("logout+jwt"),
    "an answer of introspection": signed_anew("token-introspection+jwt"),
    "another issuer": signed_anew("at+jwt", iss="https://else.example"),
    "no jti": signed_anew("at+jwt", jti=""),
    "a jti that nobody sealed": signed_anew("at+jwt", jti="JTI_nonsense"),
    "an opaque token as jti": signed_anew("at+jwt", jti="AT_nonsense"),
    "several audiences": signed_anew("at+jwt", aud=[API, OTHER]),
    "no expiry": signed_anew("at+jwt", exp=None),
    "another resource's token": lambda rp, token: persons_token(rp, OTHER),
    "its jti alone": lambda rp, token: str(unsigned(token)[1]["jti"]),
    "its jti as an opaque token": lambda rp, token: "AT_" + str(unsigned(token)[1]["jti"]).removeprefix("JTI_"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_else_is_an_access_token(rp: RelyingParty, api: Resource, attack: str) -> None:
    """Each attack is refused for its own reason, and none causes a server error."""
    token = persons_token(rp)
    assert call(rp, token).status_code == 200
    assert call(rp, ATTACKS[attack](rp, token)).status_code == 401


def test_userinfo_takes_no_token_of_another_resource(rp: RelyingParty, api: Resource) -> None:
    """/userinfo/ belongs to no particular resource."""
    assert rp.userinfo(persons_token(rp)).status_code == 401


def test_an_access_token_is_no_id_token_hint(rp: RelyingParty, api: Resource) -> None:
    """The typ of the JWT says what it is."""
    answer = rp.ask(prompt="none", id_token_hint=persons_token(rp))
    assert "error=invalid_request" in answer["Location"]


def test_a_jti_says_nothing_of_its_row_without_the_secret(rp: RelyingParty, api: Resource) -> None:
    """Somebody who reads an API's logs must not be able to use a token's id."""
    jti = unsigned(persons_token(rp))[1]["jti"]
    payload = sealed.read(sealed.JwtId, jti).payload
    assert (payload.row_id, payload.is_own) == (Grant.objects.get().pk, False)


# -- registration ------------------------------------------------------------------------------------------------------


def test_without_keys_no_resource_has_jwts(db: None) -> None:
    """Without OpenID Connect the server publishes no key set that an API could use."""
    with pytest.raises(ValidationError, match="openid"):
        Resource(identifier=API, name="Pills", token_format="jwt").full_clean()


def test_an_algorithm_must_be_one_of_the_server(api: Resource) -> None:
    """The server never makes a key for another algorithm."""
    api.signing_alg = "HS256"
    with pytest.raises(ValidationError, match="RS256"):
        api.full_clean()


def test_where_the_keys_are_switched_off_tokens_are_opaque(rp: RelyingParty, api: Resource, settings: Settings) -> None:
    """An API that expects a JWT refuses opaque tokens, so it fails closed."""
    settings.OAUTH_SERVICE_SCOPES = {"profile": "Your name"}
    assert own_token(rp, API)["access_token"].startswith("AT_")


def test_the_command_registers_one(provider: Settings, db: None) -> None:
    """The command and the admin follow the same rules."""
    call_command("create_resource", API, name="Pills", token_format="jwt", signing_alg="ES256", stdout=StringIO())
    assert Resource.objects.values_list("token_format", "signing_alg").get() == ("jwt", "ES256")
