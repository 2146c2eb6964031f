"""GET /.well-known/oauth-protected-resource -- metadata of the APIs of this project (RFC 9728)."""

from .. import conf
from ..models import Resource
from ..protocol import protected_resource as rules
from ..resources.requirement import resources_asked, scopes_asked_at
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def protected_resource(request: ProgramRequest, resource_path: str = "") -> ProgramResponse:
    """
    Describe the API at this address; 404 if no active API is registered there.

    Args:
        resource_path: of the API's identifier (RFC 9728 section 3.1). Without it, describe the API whose identifier is
            the host itself, or else the one in OAUTH_SERVICE_RESOURCE.
    """
    host, query = request.get_host(), request.query_string if resource_path else ""
    wanted = rules.identifiers_at(scheme=request.scheme, host=host, path=resource_path, query=query)
    if not resource_path and rules.metadata_url(own := conf.RESOURCE()).split("/")[2:3] == [host]:
        wanted = (*wanted, own)
    others = tuple(conf.REMOTE_ISSUERS())
    if found := Resource.objects.active(wanted):
        identifier, issuers = found.identifier, (conf.issuer_of(request), *others)
        scopes = tuple(found.words())
    elif others and (named := [each for each in wanted if each in {conf.RESOURCE(), *resources_asked()} - {""}]):
        # An API whose tokens other servers issue is registered there and not here.
        identifier, issuers, scopes = named[0], others, ()
    else:
        return ProgramResponse(404)
    document = rules.document(
        resource=identifier,
        authorization_servers=issuers,
        scopes=dict.fromkeys([*scopes, *scopes_asked_at(identifier)]),
        name=found.name if found else "",
        documentation_uri=found.documentation_uri if found else "",
        policy_uri=found.policy_uri if found else "",
        tos_uri=found.tos_uri if found else "",
    )
    return ProgramResponse.of(document, headers=(("Cache-Control", "public, max-age=300"),))
