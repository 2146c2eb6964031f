"""GET /healthz -- this process is alive; what it depends on is not asked."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from ..http import answers_in_json


@answers_in_json("GET")
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer. A process that does not is to be replaced; a database that is down is no reason to."""
    return JsonResponse({"status": "alive"})
