"""POST /device-authorization/ -- the device authorization endpoint (RFC 8628 section 3.1)."""

from urllib.parse import urljoin

from django.urls import reverse
from django.utils import timezone

from .. import conf
from ..authorization import device
from ..clients import authentication, metadata_documents
from ..models import purge
from ..protocol import client_authentication, resource_indicators
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, body_parameters


@program_endpoint("POST")
def device_authorization(request: ProgramRequest) -> ProgramResponse:
    """Issue a device code, and a user code to show; 404 if device authorization is off."""
    if not conf.DEVICE_AUTHORIZATION():
        return ProgramResponse(404)
    parameters = body_parameters(request)
    now = timezone.now()
    parameters.refuse_repeats(allowed=frozenset({resource_indicators.PARAMETER}))
    credentials = client_authentication.credentials(request.authorization, parameters)
    metadata_documents.bring_device_up_to_date(credentials.client_id, now=now)
    client = authentication.authenticate(credentials, request, now=now)
    begun = device.begin(client, parameters, now=now)
    purge.ride_along(now=now)
    return ProgramResponse.of(begun.members(urljoin(conf.issuer_of(request), reverse("oauth_service:device"))))
