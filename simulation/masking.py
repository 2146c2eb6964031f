"""Mask secrets before they are shown: tokens and codes are shortened; secrets and cookies are left out."""

import re
from dataclasses import replace

from simulation.exchange import Exchange, Headers

LEFT_OUT = "..."  # as in the guide's `Cookie: sessionid=...`

SECRET = r"\w*(?:secret|password)\d*|csrf\w*|code_verifier|client_assertion"
TOKEN = r"\w*token(?:_hint)?|(?:device_|user_)?code"
NAME = rf"(?P<name>(?P<secret>{SECRET})|{TOKEN})"

# The form of a value depends on its context. Each pattern is: the part that stays, then the value.
JSON = re.compile(
    rf"""(?P<kept>(?P<quote>"|&quot;|&\#34;){NAME}(?P=quote)\s*:\s*)
    (?:(?P=quote)(?P<value>(?:\\.|(?!(?P=quote)).)*)|(?P<bare>[^\s"&,\[\]{{}}]+))""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
FORM = re.compile(rf"(?P<kept>(?<![\w-]){NAME}=)(?P<value>[^&\s\"<>#]*)", re.IGNORECASE)
FORM_INSIDE_A_VALUE = re.compile(
    rf"(?P<kept>(?:(?<![\w-])|(?<=%26)|(?<=%3F)){NAME}%3D)(?P<value>(?:(?!%26|%23)[^&\s\"<>#])*)", re.IGNORECASE
)
HEADER = re.compile(
    r"^(?P<name>(?:proxy-)?authorization|cookie|set-cookie|x-csrf-?token):(?P<space>[ \t]*)(?P<value>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Text that was cut off may end without a closing quote or bracket.
INPUT = re.compile(r"""<input\b(?:[^>"']|"[^"]*"?|'[^']*'?)*>?""", re.IGNORECASE)
INPUT_NAME = re.compile(rf"""(?<![\w-])name\s*=\s*(?P<quote>["']?){NAME}(?P=quote)(?=[\s/>]|$)""", re.IGNORECASE)
INPUT_VALUE = re.compile(
    r"""(?P<kept>(?<![\w-])value\s*=\s*)(?:"(?P<double>[^"]*)"?|'(?P<single>[^']*)'?|(?P<bare>[^\s>"']+))""",
    re.IGNORECASE,
)
# Our own tokens are recognised anywhere by their prefixes.
PREFIX = "AT_|RT_|SPL__|DC_"
PREFIXED = re.compile(rf"(?<![A-Za-z0-9])(?:{PREFIX})[A-Za-z0-9_.~-]{{8,}}")
SHORTENED = re.compile(rf"(?:{PREFIX})?[\w.~-]{{4}}\.{{3}}[\w.~-]{{4}}")


def mask(text: str) -> str:
    """
    Shorten every token and code and leave out every secret in JSON, form, query, header or HTML text.

    Secrets are found by their names (client_secret, password, csrfmiddlewaretoken, Cookie, Authorization, ...); tokens
    and
    codes by their names, and anywhere by their prefixes.
    """
    shown, end = "", 0
    for line in HEADER.finditer(text):
        shown += _masked_body(text[end : line.start()]) + _masked_line(line)
        end = line.end()
    return shown + _masked_body(text[end:])


def mask_header(name: str, value: str) -> str:
    """Value of one header, as mask() shows it."""
    return mask(f"{name}: {value}").removeprefix(f"{name}: ")


def masked(exchange: Exchange) -> Exchange:
    """Copy of the exchange with mask() applied to each part."""
    return replace(
        exchange,
        url=mask(exchange.url),
        request_headers=_masked_headers(exchange.request_headers),
        request_body=mask(exchange.request_body),
        response_headers=_masked_headers(exchange.response_headers),
        response_body=mask(exchange.response_body),
    )


def shorten(token: str) -> str:
    """
    A token or code shortened to its prefix, its first four and its last four characters: recognisable but useless.
    """
    if SHORTENED.fullmatch(token):
        return token
    prefix = known[0] if (known := re.match(PREFIX, token)) else ""
    rest = token.removeprefix(prefix)
    if len(rest) < 16 or not re.fullmatch(r"[\w.~-]+", rest, re.ASCII):
        return prefix + LEFT_OUT
    return f"{prefix}{rest[:4]}{LEFT_OUT}{rest[-4:]}"


def _masked_line(line: re.Match[str]) -> str:
    name, value = line["name"].lower(), line["value"]
    scheme, space, credentials = value.partition(" ")
    if name.endswith("authorization") and space:
        shown = f"{scheme} {shorten(credentials) if scheme.lower() in {'bearer', 'dpop'} else LEFT_OUT}"
    elif name == "cookie":
        shown = "; ".join(_masked_cookie(cookie.strip()) for cookie in value.split(";"))
    elif name == "set-cookie":
        cookie, attributes, rest = value.partition(";")
        shown = _masked_cookie(cookie) + attributes + rest
    else:
        shown = LEFT_OUT
    return f"{line['name']}:{line['space']}{shown}"


def _masked_cookie(cookie: str) -> str:
    name, equals, _ = cookie.partition("=")
    return f"{name}={LEFT_OUT}" if equals else LEFT_OUT


def _masked_body(text: str) -> str:
    text = INPUT.sub(_masked_input, text)
    text = JSON.sub(_masked_member, text)
    text = FORM.sub(_masked_value, text)
    text = FORM_INSIDE_A_VALUE.sub(_masked_value, text)
    return PREFIXED.sub(lambda found: shorten(found[0]), text)


def _masked_value(found: re.Match[str]) -> str:
    return found["kept"] + _shown(found, found["value"])


def _masked_member(found: re.Match[str]) -> str:
    if found["value"] is None:
        quoted = f"{found['quote']}{LEFT_OUT}{found['quote']}"  # still JSON, as before
        return found["kept"] + (found["bare"] if found["bare"] in {"null", "true", "false"} else quoted)
    return found["kept"] + found["quote"] + _shown(found, found["value"])


def _shown(found: re.Match[str], value: str) -> str:
    if not value:
        return ""
    return LEFT_OUT if found["secret"] else shorten(value)


def _masked_input(found: re.Match[str]) -> str:
    name = INPUT_NAME.search(found[0])
    if name is None:
        return found[0]
    return INPUT_VALUE.sub(
        lambda value: f'{value["kept"]}"{_shown(name, value["double"] or value["single"] or value["bare"] or "")}"',
        found[0],
    )


def _masked_headers(headers: Headers) -> Headers:
    return tuple((name, mask_header(name, value)) for name, value in headers)
