"""GET /.well-known/oauth-protected-resource -- metadata of the APIs of this project (RFC 9728)."""

from .. import conf
from ..models import Resource
from ..protocol import protected_resource as rules
from ..resources.requirement import scopes_asked_at
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def protected_resource(request: ProgramRequest, resource_path: str = "") -> ProgramResponse:
    """
    Describe the API at this address; 404 if none is registered there, or it was switched off.

    Args:
        resource_path: of the API's identifier (RFC 9728 section 3.1). Without it, the API is that of the whole host; if there is
            none, that of OAUTH_SERVICE_RESOURCE.
    """
    host, query = request.get_host(), request.query_string if resource_path else ""
    wanted = rules.identifiers_at(scheme=request.scheme, host=host, path=resource_path, query=query)
    if not resource_path and rules.metadata_url(own := conf.RESOURCE()).split("/")[2:3] == [host]:
        wanted = (*wanted, own)
    found = Resource.objects.active(wanted)
    if found is None:
        return ProgramResponse(404)
    document = rules.document(
        resource=found.identifier,
        authorization_servers=[conf.issuer_of(request)],
        scopes=dict.fromkeys([*found.words, *scopes_asked_at(found.identifier)]),
        name=found.name,
    )
    return ProgramResponse.of(document, headers=(("Cache-Control", "public, max-age=300"),))
