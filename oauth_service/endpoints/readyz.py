"""GET /readyz -- this process can do its work: database, migrations and keys are there."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from .. import readiness
from ..http import answers_in_json


@answers_in_json("GET")
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200, or 503 with the names of what is missing. Whoever distributes requests leaves this process out then."""
    if missing := readiness.missing():
        return JsonResponse({"status": "unavailable", "missing": missing}, status=503)
    return JsonResponse({"status": "ready"})
