"""The stored rows of a client that a document describes."""

import pytest
from django.urls import resolve, reverse
from django.utils import timezone

from oauth_service.models import Client, Registration
from oauth_service.web.client_ids import ClientIDConverter

URL = "https://app.example/oauth/client.json"


def row(client_id: str, kind: str) -> Registration:
    """Return the registration of a client that introduced itself."""
    client = Client.objects.create(client_id=client_id, name="Notes", client_type="public")
    return Registration.objects.create(client=client, kind=kind, registered_at=timezone.now())


@pytest.mark.django_db
def test_a_row_says_that_a_document_describes_it() -> None:
    """The host of its URL is the only proven fact about such a client."""
    found = row(URL, Registration.Kind.DOCUMENT)
    assert (found.is_document, found.document_host) == (True, "app.example")


@pytest.mark.django_db
def test_a_client_that_has_registered_itself_has_no_such_host() -> None:
    """The form of the client_id does not matter."""
    found = row(URL, Registration.Kind.REGISTERED)
    assert (found.is_document, found.document_host) == (False, "")


@pytest.mark.django_db
def test_nobody_manages_the_registration_of_a_document() -> None:
    """Such a client has no registration access token, because its document describes it."""
    row(URL, Registration.Kind.DOCUMENT)
    assert Registration.objects.of_client(URL) is None


@pytest.mark.parametrize("client_id", ["presc_man_123", "~a", "~aHR0", "a.b-c_d~e", URL, f"{URL}?a=b", f"{URL}/%7E"])
def test_the_path_of_a_logo_has_one_segment(client_id: str) -> None:
    """A URL in the path would have slashes, which a proxy may merge."""
    path = reverse("oauth_service:logo", args=[client_id])
    assert path.count("/") == 3
    assert resolve(path).kwargs == {"client_id": client_id}


@pytest.mark.parametrize("segment", ["~aHR0cHM6Ly8K", "~aHR0cHM6Ly8A", "~w6Q", "~", "~!"])
def test_what_is_no_url_is_left_as_it_is(segment: str) -> None:
    """The tested segments are no valid base64url: a line feed, a NUL byte, non-ASCII characters and an empty text."""
    assert resolve(f"/oauth/logo/{segment}").kwargs == {"client_id": segment}
    assert ClientIDConverter().to_url(segment) == segment
