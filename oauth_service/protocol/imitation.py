"""
Client names that look like the name of another client (RFC 7591 section 5).

The table of Unicode Technical Standard 39 section 4 is long. This module has the characters that can imitate a Latin name:
Cyrillic, Greek, a few others, digits, and pairs of letters that look like one.
"""

import unicodedata
from collections.abc import Iterable

SHORTEST_WITHIN = 4
"""Names of at least this many characters must not be part of another name, either."""

# Applied before case folding, because a capital can look like another letter than its lower-case form.
_CAPITALS = str.maketrans(
    {
        **dict(zip("АВЕЅІЈКМНОРСТУХ", "abesijkmhopctyx", strict=True)),  # noqa: RUF001 - Cyrillic
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abezhikmnoptyx", strict=True)),  # noqa: RUF001 - Greek
    }
)
_LOOKS_LIKE = str.maketrans(
    {
        # Cyrillic
        **dict(zip("асеһіјкӏмнорԛѕтуԝхгъьԁпвз", "acehijklmhopqstywxrbbdnbe", strict=True)),
        # Greek
        **dict(zip("αβγεηικνορστυχωζμ", "abyenikvopotuxwzu", strict=True)),
        # Armenian, and Latin letters of other alphabets
        **dict(zip("հոսցւօɑɡɩıłøđħŧʟʀɴɪ", "hnugioagiilodhtlrni", strict=True)),
        **dict(zip("0134578|!$@", "oleastblisa", strict=True)),
    }
)
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(name: str) -> str:
    """Reduce a name to lower-case letters, the same ones for all characters that look alike."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).translate(_CAPITALS).casefold())
    text = text.translate(_LOOKS_LIKE)
    text = "".join(character for character in text if character.isalnum())
    # A small L and a capital i are the same in many fonts.
    text = text.replace("i", "l")
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return text


def imitated(name: str, others: Iterable[str]) -> str:
    """
    Return the first of the other names that a name looks like or contains; "" for none.

    Args:
        others: names that the operator has chosen.
    """
    ours = skeleton(name)
    for other in others:
        theirs = skeleton(other)
        if theirs and (ours == theirs or (len(theirs) >= SHORTEST_WITHIN and theirs in ours)):
            return other
    return ""
