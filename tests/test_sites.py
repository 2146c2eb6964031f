"""The server's own site, around the app that any project can install."""

from django.test import Client as Browser


def test_the_address_that_make_run_prints_leads_to_the_connected_apps() -> None:
    """Who opens it should not be met by a page that was not found."""
    response = Browser().get("/")
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")
