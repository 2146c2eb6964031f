"""The logo of a client: fetched from its logo_uri, checked, and redrawn as a small PNG that this server serves."""

from importlib.util import find_spec
from io import BytesIO

from ..models import Document
from ..outbound import documents

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_BYTES = 512 * 1024
MOST_PIXELS = 4_000_000
SIDE = 192
"""Pixels on each side of the square picture that is served."""


def is_available() -> bool:
    """Return whether the extra `logos` is installed, without importing it."""
    return all(find_spec(name) for name in ("httpcore", "PIL"))


def redraw(body: bytes) -> bytes:
    """
    Redraw a picture as a PNG: the pixels of its first frame, and nothing else that the file contains.

    Args:
        body: PNG, JPEG, WebP or GIF, of MOST_PIXELS at most.

    Raises:
        ValueError: it is none of these, broken, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(body), formats=FORMATS) as picture:
            width, height = picture.size
            # Check the size in the header, before any pixel is decoded.
            if width * height > MOST_PIXELS:
                raise ValueError(f"a picture of {width} times {height} pixels is too large")
            picture.draft("RGB", (SIDE, SIDE))
            pixels = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as cause:
        raise ValueError("it is not a PNG, JPEG, WebP or GIF picture") from cause
    pixels.thumbnail((SIDE, SIDE))
    # A white background, because many logos are dark, and transparent parts would show the initial beneath.
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(pixels, ((SIDE - pixels.width) // 2, (SIDE - pixels.height) // 2), pixels)
    drawn = BytesIO()
    square.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


RULES = documents.Rules(accept="image/png, image/webp, image/jpeg, image/gif", most_bytes=MOST_BYTES, keep=redraw)


def logo_of(logo_uri: str) -> bytes | None:
    """Return the logo as a PNG; None if there is no copy yet. The origin is never waited for."""
    if not logo_uri or not is_available():
        return None
    return documents.read_later(logo_uri, kind=Document.Kind.LOGO, rules=RULES)


def fetch_now(logo_uri: str) -> None:
    """
    Fetch a logo unless there is a fresh copy.

    Raises:
        DocumentUnavailable: it could not be fetched, or is not a picture.
    """
    documents.read(logo_uri, kind=Document.Kind.LOGO, rules=RULES)


def fetch_soon(logo_uri: str) -> None:
    """Fetch a newly registered logo in the background, so that the first page shows it."""
    if logo_uri and is_available():
        documents.refresh_later(logo_uri, kind=Document.Kind.LOGO, rules=RULES)
