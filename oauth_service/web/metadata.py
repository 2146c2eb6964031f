"""Metadata of this server, according to its settings and URLs (RFC 8414, OpenID Connect Discovery 1.0)."""

from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from django.urls import reverse

from .. import conf
from ..protocol import metadata
from .programs import ProgramResponse
from .requests import ProgramRequest


def metadata_response(
    request: ProgramRequest,
    issuer_path: str,
    *,
    grant_types: Iterable[str],
    algorithms: Iterable[str],
    verifies_assertions: bool,
) -> ProgramResponse:
    """
    Describe exactly what this server supports; 404 for the path of another issuer.

    Args:
        issuer_path: path of the requested issuer, which follows the address of the document (RFC 8414 section 3.1);
        "" if the
            request names none.
        algorithms: of ID tokens; () without OpenID Connect.
        verifies_assertions: True if clients can authenticate by JWTs that they sign.
    """
    issuer = conf.issuer_of(request)
    if issuer_path and urlsplit(issuer).path != f"/{issuer_path}":
        return ProgramResponse(404)

    def url(name: str) -> str:
        return urljoin(issuer, reverse(f"oauth_service:{name}"))

    document = metadata.document(
        issuer=issuer,
        authorization_endpoint=url("authorise"),
        token_endpoint=url("token"),
        userinfo_endpoint=url("userinfo"),
        revocation_endpoint=url("revoke"),
        scopes=conf.SCOPES(),
        grant_types=grant_types,
        verifies_assertions=verifies_assertions,
        device_authorization_endpoint=url("device_authorization") if conf.DEVICE_AUTHORIZATION() else "",
    )
    if conf.REGISTRATION():
        document["registration_endpoint"] = url("register")
    if conf.CLIENT_ID_METADATA_DOCUMENTS():
        document |= metadata.CLIENT_DOCUMENT_MEMBERS
    if conf.INTROSPECTION():
        document |= metadata.of_introspection(
            introspection_endpoint=url("introspect"),
            verifies_assertions=verifies_assertions,
            has_keys=conf.is_openid(),
        )
    if conf.GLOBAL_TOKEN_REVOCATION():
        document |= metadata.of_global_token_revocation(
            global_token_revocation_endpoint=url("global_token_revocation"), verifies_assertions=verifies_assertions
        )
    if conf.is_openid():
        document |= metadata.of_openid_provider(
            jwks_uri=url("jwks"),
            end_session_endpoint=url("end_session"),
            algorithms=algorithms,
            claims=conf.CLAIMS_SUPPORTED(),
            acr_values=dict.fromkeys([*filter(None, [conf.ACR()]), *conf.STEP_UP_URLS()]),
            has_pairwise=bool(conf.PAIRWISE_KEY()),
        )
    # service_documentation would be wrong: it is "a page containing human-readable information" (section 2). RFC 8631
    # defines this link for descriptions that programs read.
    described_by = f'<{url("openapi")}>; rel="service-desc"; type="application/json"'
    return ProgramResponse.of(document, headers=(("Cache-Control", "public, max-age=300"), ("Link", described_by)))
