"""GET, POST /userinfo/ -- claims about the user (OpenID Connect Core 1.0 section 5.3)."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from .. import conf
from ..protocol import bearer as bearers
from ..protocol import claims_request, subject
from ..protocol import scope as scopes
from ..protocol.errors import InsufficientScope, MalformedBearer, OAuthError
from ..protocol.secret import Secret
from ..resources.requirement import bearer_of, check_audience, user_of
from ..tokens import access_token
from ..tokens.access_token import Bearer
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import FORM, ProgramRequest, body_parameters

SCOPES = frozenset({"user", "profile"})
OPENID_SCOPES = frozenset({"openid", "email", "address", "phone"})


@program_endpoint("GET", "POST")
def userinfo(request: ProgramRequest) -> ProgramResponse:
    """Return the claims about the user that the token's scope covers, and those that the claims parameter asked for."""
    bearer = _bearer(request)
    scopes = SCOPES | OPENID_SCOPES if conf.is_openid() else SCOPES
    check_audience(bearer)
    user = user_of(bearer, "user")
    if not bearer.scope & scopes:
        raise InsufficientScope(
            "the access token does not cover this",
            scope="user",
            detail=f"{bearer.source}: it has none of the required scopes",
        )
    claims = _claims(bearer, user)
    if algorithm := bearer.client.userinfo_signed_response_alg if "openid" in bearer.scope else "":
        return _signed(claims, bearer.client_id, algorithm, issuer=conf.issuer_of(request))
    return ProgramResponse.of(claims)


def _bearer(request: ProgramRequest) -> Bearer:
    in_body = request.method == "POST" and not request.authorization and request.content_type.startswith(FORM)
    if not (in_body and conf.is_openid()):
        return bearer_of(request, now=timezone.now())
    # "The Access Token [...] MAY be sent [...] using the Form-Encoded Body Parameter" (RFC 6750 section 2.2).
    try:
        text = body_parameters(request).secret("access_token")
    except OAuthError as cause:
        raise MalformedBearer(cause.description, detail=cause.detail) from cause
    if not text:
        return bearer_of(request, now=timezone.now())
    token = Secret(bearers.well_formed(text.reveal()))
    return access_token.verify(token, issuer=conf.issuer_of(request), now=timezone.now())


def _claims(bearer: Bearer, user: AbstractBaseUser) -> dict[str, object]:
    claims_of = conf.claims_function()
    claims = claims_of(user, bearer.scope)
    if bearer.openid and bearer.openid.userinfo:
        known = claims_of(user, frozenset(claims_request.CLAIMS_OF_SCOPE))
        allowed = scopes.expanded(bearer.client.scope, conf.implied_scopes())
        claims = claims_request.answer(bearer.openid.userinfo, known, allowed=allowed) | claims
    if "openid" in bearer.scope:
        # "The sub Claim in the UserInfo Response MUST be verified to exactly match the sub Claim in the ID Token" (5.3.2).
        sub = subject.subject_of(user.pk, bearer.client, pairwise_key=conf.pairwise_key())
        claims = claims | {"sub": sub}
    return claims


def _signed(claims: dict[str, object], client_id: str, algorithm: str, *, issuer: str) -> ProgramResponse:
    from ..tokens import keys  # imported here: only projects with OpenID Connect need it

    text = keys.sign(claims | {"iss": issuer, "aud": client_id}, algorithm=algorithm, typ="JWT", now=timezone.now())
    return ProgramResponse(200, text.encode(), (("Content-Type", "application/jwt"),))
