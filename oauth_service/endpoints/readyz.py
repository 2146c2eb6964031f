"""GET /readyz -- this process can do its work: database, migrations and keys are available."""

from django.utils import timezone

from ..watch import readiness
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def readyz(request: ProgramRequest) -> ProgramResponse:
    """
    Answer 200, or 503 with the names of the missing parts, so that the load balancer leaves this process out.

    A request that proves to know our keys (oauth_doctor) also gets fingerprints of keys and settings.
    """
    members: dict[str, object] = {"status": "ready"}
    if missing := readiness.missing():
        members = {"status": "unavailable", "missing": missing}
    if request.authorization and "keys" not in missing:
        members |= _for_the_doctor(request)
    return ProgramResponse.of(members, status=503 if missing else 200)


def _for_the_doctor(request: ProgramRequest) -> dict[str, object]:
    from ..watch import same_settings

    if not same_settings.is_proven(request.authorization, now=timezone.now()):
        return {}
    return {same_settings.MEMBER: same_settings.fingerprints()}
