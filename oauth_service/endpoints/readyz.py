"""GET /readyz -- this process can do its work: database, migrations and keys are there."""

from ..watch import readiness
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def readyz(request: ProgramRequest) -> ProgramResponse:
    """Answer 200, or 503 with the names of what is missing: the load balancer then leaves this process out."""
    if missing := readiness.missing():
        return ProgramResponse.of({"status": "unavailable", "missing": missing}, status=503)
    return ProgramResponse.of({"status": "ready"})
