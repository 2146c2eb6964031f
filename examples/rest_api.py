"""The same prescriptions as an API of Django REST framework, with a scope for each method: views and URLs."""

from typing import Any

from django.urls import include, path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples import prescriptions
from oauth_service.resources.drf import OAuth2Authentication, TokenHasScope


class Guarded(APIView):
    """Base of all views here."""

    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]


def person(request: Request) -> str:
    """Subject of the request's token, which is the user's id at the authorization server."""
    token: Any = request.auth
    subject: str = token.subject
    return subject


class Prescriptions(Guarded):
    """All prescriptions of the person."""

    required_scopes = {"GET": "prescriptions:read"}

    def get(self, request: Request) -> Response:
        return Response(prescriptions.prescriptions_of(person(request)))


class Prescription(Guarded):
    """A prescription, which can be read and ordered again."""

    required_scopes = {"GET": "prescriptions:read", "POST": "prescriptions:read prescriptions:order"}

    def get(self, request: Request, number: str) -> Response:
        return self.answer(prescriptions.prescription_of, request, number)

    def post(self, request: Request, number: str) -> Response:
        return self.answer(prescriptions.order, request, number)

    def answer(self, work: Any, request: Request, number: str) -> Response:
        """Result of the work, or 404."""
        try:
            return Response(work(person(request), number))
        except prescriptions.NotFound as why:
            raise NotFound(str(why)) from why


urlpatterns = [
    path("prescriptions", Prescriptions.as_view()),
    path("prescriptions/<str:number>", Prescription.as_view()),
    path("", include("oauth_service.resource_server")),
]
