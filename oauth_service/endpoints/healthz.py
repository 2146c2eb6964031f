"""GET /healthz -- this process is alive; its dependencies are not checked."""

from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def healthz(request: ProgramRequest) -> ProgramResponse:
    """Answer 200. A process that does not respond should be replaced, while a database that is down is no reason to."""
    return ProgramResponse.of({"status": "alive"})
