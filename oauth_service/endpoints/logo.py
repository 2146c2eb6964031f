"""GET /oauth/logo/<client_id> -- the logo of a client, drawn anew by this server (RFC 7591 section 2: logo_uri)."""

from ..clients.logo import logo_of
from ..models import Client
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest

# A browser that opens it by itself must treat it as a picture and nothing else.
HARMLESS = ("Content-Security-Policy", "default-src 'none'; sandbox")


@program_endpoint("GET")
def logo(request: ProgramRequest, client_id: str) -> ProgramResponse:
    """Answer with a PNG; 404 if the client registered no logo, or if none has been fetched yet."""
    client = Client.objects.filter(client_id=client_id, is_active=True).only("logo_uri").first()
    drawn = logo_of(client.logo_uri) if client else None
    if drawn is None:
        return ProgramResponse(404)
    cached = ("Cache-Control", "public, max-age=3600")
    return ProgramResponse(200, drawn, (("Content-Type", "image/png"), cached, HARMLESS))
