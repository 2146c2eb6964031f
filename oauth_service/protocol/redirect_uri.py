"""The redirection endpoint (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.1)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

# RFC 3986 Appendix B; it matches every text.
_PARTS = re.compile(
    r"(?:(?P<scheme>[^:/?#]+):)?(?://(?P<host>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_LOOPBACK = re.compile(r"(?P<origin>http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d+)?(?P<rest>(?:[/?].*)?)")
_HOST = re.compile(r"[a-z0-9\-._:]+")  # only IPv6 addresses have colons
_MAX_LENGTH = 2000
# Schemes without a dot that belong to a browser, an operating system or a protocol, and therefore to no app that asks for tokens:
# browsers run, render or open them themselves. All of ms-… and http… are refused, and single letters, which are Windows drives.
_RESERVED_SCHEMES = re.compile(
    r"http.*|ms-.*|.|"
    r"about|android-app|blob|cid|content|data|feed|file|filesystem|fs|intent|jar|javascript|livescript|market|mid|"
    r"mocha|resource|res|shell|urn|vbscript|view-source|wyciwyg|brave|chrome|chrome-error|chrome-extension|"
    r"chrome-native|chrome-search|chrome-untrusted|devtools|edge|extension|moz-extension|moz-icon|opera|"
    r"safari-extension|safari-web-extension|vivaldi|bitcoin|callto|dav|davs|dict|facetime|facetime-audio|"
    r"facetime-group|finger|ftp|ftps|geo|git|gopher|imap|imaps|ipfs|ipp|ipps|irc|irc6|ircs|itms|itms-apps|itms-appss|"
    r"itms-services|itmss|jdbc|ldap|ldaps|magnet|mailto|maps|matrix|mms|mmsto|msteams|news|nfs|nntp|oid|pop|prefs|rdp|"
    r"redis|rlogin|rsync|rtmp|rtsp|search|search-ms|sftp|sip|sips|skype|smb|sms|smsto|snmp|ssh|stun|svn|tel|telnet|"
    r"tftp|turn|unix|vnc|wais|webcal|ws|wss|xmpp"
)


def fault_of(uri: str) -> str:
    """
    Say why a URI cannot be registered as a redirect URI; return "" if it can.

    Allowed are https anywhere, http on loopback only, and an app's own scheme. RFC 8252 section 7.1 wants such a scheme in
    reverse-domain form, with a dot. Editors and assistants use schemes without one (cursor:, vscode:), which section 8.4 says
    "SHOULD be rejected"; but then nobody could connect them. They are accepted and treated as apps on the device. javascript:,
    data: and similar schemes are always refused.
    """
    if len(uri) > _MAX_LENGTH:
        return f"is longer than {_MAX_LENGTH} characters"
    if "#" in uri:
        return "has a fragment, which RFC 6749 section 3.1.2 forbids"
    if not _URI_CHARACTERS.fullmatch(uri):
        return "is empty or has characters that no URI has"
    if "*" in uri:  # a URI may have one (RFC 3986), but people who write it mean a pattern
        return "has an asterisk, but there are no wildcards: register each address in full"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a valid URI"
    if not parts.scheme:
        return "is not absolute: it needs a scheme"
    if parts.scheme in ("https", "http"):
        if not host:
            return "has no host"
        if parts.username is not None:
            return "contains user information"
        if not _HOST.fullmatch(host):  # it goes into the consent page's Content-Security-Policy
            return "names a host that no browser could go to"
        if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
            return "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"
        return ""
    if "." in parts.scheme:
        return ""
    if _RESERVED_SCHEMES.fullmatch(parts.scheme):
        return "has a scheme that no app can have for its own"
    if uri[len(parts.scheme) + 1 :][:1] != "/":
        return "has no slash after its scheme, as one without a dot needs"
    return ""


def is_loopback(uri: str) -> bool:
    """Tell whether a redirect URI is http on this machine, where an app itself listens (RFC 8252 section 7.3)."""
    return bool(_LOOPBACK.fullmatch(uri))


def match(sent: str, registered: Iterable[str], *, is_native: bool) -> bool:
    """
    Tell whether a redirect_uri is one of the registered ones, by exact string comparison (RFC 9700 section 2.1).

    Args:
        sent: the redirect_uri parameter.
        registered: the client's redirect URIs.
        is_native: True for native clients: any port of a loopback address matches, because the operating system assigns the
            app a port (RFC 8252 section 7.3). Everything else is compared exactly.
    """
    if sent in (uris := tuple(registered)):
        return True
    if not is_native or fault_of(sent):
        return False
    ours = _without_port(sent)
    return bool(ours) and any(_without_port(uri) == ours for uri in uris)


def is_on_device(uri: str) -> bool:
    """Tell whether a redirect URI leads to an app on the user's device (RFC 8252 section 7): any app there can take it."""
    return bool(uri) and not host_of(uri)


def host_of(uri: str) -> str:
    """Return the lower-case host of the website that a redirect URI leads to; "" if it stays on the device or is empty."""
    parts = urlsplit(uri)
    host = (parts.hostname or "") if parts.scheme == "https" else ""
    return "" if host in LOOPBACK_HOSTS else host


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """
    A URI in three pieces, the middle one marked.

    Attributes:
        part: name of the part that is marked: scheme, host (with the port), path, query or fragment.
        marked: "" if the URI has no such part.
    """

    part: str
    before: str
    marked: str
    after: str


def compare(sent: str, registered: str) -> tuple[Marked, Marked] | None:
    """
    Mark the first part in which two URIs differ, in both of them; None if they are the same text.

    Comparison is by text, as match() compares: a URI that urlsplit() would refuse has parts, too.
    """
    if sent == registered:
        return None
    ours, theirs = _parts(sent), _parts(registered)
    part = next(name for name in ours if ours[name] != theirs[name])
    return _marked(sent, part), _marked(registered, part)


def nearest_first(sent: str, registered: Iterable[str]) -> list[str]:
    """Sort registered redirect URIs: those that differ from the sent one in the fewest parts come first."""
    ours = _parts(sent)

    def distance(uri: str) -> int:
        theirs = _parts(uri)
        return sum(ours[name] != theirs[name] for name in ours)

    return sorted(registered, key=distance)


def difference(sent: str, registered: Iterable[str]) -> str:
    """
    Describe how a redirect_uri differs from the most similar registered one, for the operator's log.

    Queries are not quoted: they may contain private data.
    """
    if fault := fault_of(sent):
        return f"redirect_uri {fault}"
    ours = urlsplit(sent)
    theirs = [urlsplit(uri) for uri in registered]
    if not theirs:
        return "the client has no redirect URI registered"
    nearest = min(theirs, key=lambda uri: len(_differing(ours, uri)))
    parts = _differing(ours, nearest)
    shown = "; ".join(
        f"{f'{part}: ' * (len(parts) > 1)}sent {getattr(ours, part)[:100]!r}, registered {getattr(nearest, part)[:100]!r}"
        for part in parts
        if part != "query"
    )
    return f"redirect_uri differs in its {' and '.join(parts) or 'spelling'}{': ' if shown else ''}{shown}"


def _parts(uri: str) -> dict[str, str | None]:
    found = _PARTS.fullmatch(uri)
    return dict(found.groupdict()) if found else {}


def _marked(uri: str, part: str) -> Marked:
    found = _PARTS.fullmatch(uri)
    if not found or found[part] is None:
        return Marked(part=part, before=uri, marked="", after="")
    start, end = found.span(part)
    return Marked(part=part, before=uri[:start], marked=uri[start:end], after=uri[end:])


def _differing(first: SplitResult, second: SplitResult) -> list[str]:
    return [part for part in ("scheme", "netloc", "path", "query") if getattr(first, part) != getattr(second, part)]


def _without_port(uri: str) -> str:
    # Compare text, not parsed parts: urlsplit() drops an empty query and the case of the scheme.
    parts = _LOOPBACK.fullmatch(uri)
    return parts["origin"] + parts["rest"] if parts else ""
