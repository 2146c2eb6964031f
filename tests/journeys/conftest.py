"""Both sites for all journeys, one browser, and an Alice without connections."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from config.sites import Sites
from tests.authority import Authority
from tests.journeys import chromium
from tests.journeys.look import DESKTOP, PHONE, SCHEMES
from tests.journeys.stage import both_sites, forget_everybody
from tests.journeys.watch import watched

expect.set_options(timeout=15_000)  # a machine that is busy with other tests is slow

VIEWS = {
    f"{device}-{scheme}": {"viewport": viewport, "color_scheme": scheme}
    for device, viewport in (("phone", PHONE), ("desktop", DESKTOP))
    for scheme in SCHEMES
}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the server trusts, so that clients' sites on this machine can use TLS."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Sites]:
    """
    Both sites, as `make run` starts them, with the demo's features on, which tests/settings.py switches off.

    URLs that clients register may be on this machine, and clients may register themselves.
    """
    with pytest.MonkeyPatch.context() as environment:
        for switch in ("OPENID", "DEVICES", "INTROSPECTION"):
            environment.delenv(switch, raising=False)
        environment.setenv("OUTBOUND_LOOPBACK", "1")
        environment.setenv("REGISTRATION", "open")
        environment.setenv("CLIENT_ID_METADATA_DOCUMENTS", "1")
        environment.setenv("SSL_CERT_FILE", str(authority.path))
        with both_sites(tmp_path_factory.mktemp("sites")) as sites:
            yield sites


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser; the journeys fail without one."""
    with chromium.launched() as browser:
        yield browser


@pytest.fixture(autouse=True)
def nobody_is_connected(sites: Sites) -> None:
    """Delete all connections, so that no journey continues another."""
    forget_everybody(sites)


@pytest.fixture(params=VIEWS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A session of its own on a phone and on a desktop, light and dark, for journeys that run on each."""
    with watched(browser, **VIEWS[request.param]) as page:
        yield page


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """A session of its own on one screen; look.check() shows each page on the others."""
    with watched(browser, **VIEWS["desktop-light"]) as page:
        yield page
