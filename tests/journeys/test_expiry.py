"""Access tokens that expire on the server, after seconds instead of an hour."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.stage import both_sites, forget_how_long_tokens_last

pytestmark = pytest.mark.journey

# Long enough for a busy machine: the client uses its new access token at once.
LIFETIME_SECONDS = 8


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Both sites, as `make run` starts them except for the lifetime."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCESS_TOKEN_SECONDS", str(LIFETIME_SECONDS))
        with both_sites(tmp_path_factory.mktemp("sites")) as sites:
            yield sites


def test_an_access_token_that_ended_on_the_server_is_renewed(sites: Sites, desk: Page) -> None:
    """
    First the token from the code exchange expires, then the one from the refresh.

    The client does not know their lifetime (RFC 6749 section 5.1) and learns of the end by a 401. Alice notices
    nothing.
    """
    alice.connects(desk, sites)
    for _ in range(2):
        forget_how_long_tokens_last(sites)
        time.sleep(LIFETIME_SECONDS)
        desk.goto(sites.client_url)
        expect(alice.card(desk, "Lisinopril")).to_be_visible()
    refusals = [line for line in (sites.state_dir / "log").read_text().splitlines() if "error=invalid_token" in line]
    assert ["expired at" in line for line in refusals] == [True, True]
