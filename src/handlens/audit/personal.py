"""Which values look as if they named people, by their shape: a datasheet must not repeat them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handlens.audit import words

EMAILS, PHONES, NAMES, FREE_TEXT = "e-mail addresses", "phone numbers", "names of people", "free text"
WEB, IDENTIFIERS = "web addresses", "identifiers"
"""What values can look like."""

_EMAIL = re.compile(r"[^\s@]+\s?(?:@|\(at\)|\[at\])\s?[^\s@]+|@\w{2,}", re.IGNORECASE)
_WEB = re.compile(r"https?://|www\.|\w\.(?:com|org|net|edu|gov|io|de|fr|uk|eu)/\w", re.IGNORECASE)
_PHONE = re.compile(r"(?:(?:tel|phone|fax|mobile|cell)[.:]*\s*)?\+?[\d\s()./\-–]{7,24}", re.IGNORECASE)
_YEARS = re.compile(r"\d{4}\s?[\-–/]\s?\d{4}")
_SENTENCE = re.compile(r"\w+\W+\w+\W+\w.*[.!?]$")
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\.?")
_LAST_FIRST = re.compile(r"[^\W\d_][\w'’ -]*, [^\W\d_]")

_LONG = 60
"""Texts of more characters than this are free text."""
_WORDS = 5
"""Texts of this many words are free text, unless few words make many levels."""
_OF_PERSONS = {
    **dict.fromkeys(("email", "mail", "emails"), EMAILS),
    **dict.fromkeys(("phone", "telephone", "tel", "mobile", "fax"), PHONES),
    **dict.fromkeys(("surname", "firstname", "lastname", "fullname", "forename", "username", "nickname"), NAMES),
}
"""What columns hold whose names end in these words."""
_ENDINGS = ("tion", "tions", "sion", "ology", "ness", "ical", "ics", "ity", "ities")
"""Of words that are in no name."""


def of_texts(name: str, texts: Sequence[str]) -> str:
    """What distinct texts of a column look like that a datasheet must not repeat; "" if they look harmless.

    One e-mail address, phone number, free text, or frequent given name with a surname is enough. Other texts are taken
    for names if half of them are two to four words with capital letters, or if there are many single ones; unless a
    quarter has words that are in no name, such as "Golden Retriever".

    Example:
        >>> of_texts("who", ["Ada Lovelace", "Alan Turing"]), of_texts("side", ["left", "right"])
        ('names of people', '')
    """
    if not texts or {text.strip().lower() for text in texts} <= words.ANSWERS:
        return ""
    called = _called(name)
    told = _OF_PERSONS.get(called[-1], "") if called else ""
    if told or (called and called[-1] in ("name", "names") and set(called[:-1]) <= words.PERSONS):
        return told or NAMES
    for shape, is_such in ((EMAILS, _EMAIL.search), (WEB, _WEB.search), (PHONES, _is_phone)):
        if any(is_such(text) for text in texts):
            return shape
    if _are_free(texts):
        return FREE_TEXT
    if any(_is_full_name(text) for text in texts):
        return NAMES
    if 4 * sum(map(_is_ordinary, texts)) >= len(texts):
        return ""
    named = sum(map(_is_name, texts))
    single = sum(bool(_WORD.fullmatch(text)) and text[:1].isupper() for text in texts)
    are_single = single >= 0.9 * len(texts) and (len(texts) > _MANY or (called and called[-1] in words.ROLES))
    return NAMES if 2 * named >= len(texts) or are_single else ""


_MANY = 20
"""More single words with capital letters than this are taken for names."""


def of_numbers(name: str, values: NDArray[np.float64]) -> str:
    """What finite numbers of a column look like whose least and greatest must not be given; "" if they look harmless.

    These are whole numbers of seven digits or more that are not round, neither dates nor spread over many sizes; or
    those that hardly ever repeat and have the same number of digits, or follow each other; or whole numbers of a column
    whose name says it.

    Example:
        >>> of_numbers("line", np.array([491701234567.0, 491709876543.0])), of_numbers("age", np.array([38.0, 53.0]))
        ('phone numbers or identifiers', '')
    """
    if not len(values) or (values % 1 != 0).any():
        return ""
    called = _called(name)[-1:]
    if called and _OF_PERSONS.get(called[0]) == PHONES and values.max() > 1:
        return PHONES
    if called and called[0] in ("id", "ids", "ssn", "passport", "iban"):
        return IDENTIFIERS
    distinct = np.unique(np.abs(values))
    digits = np.floor(np.log10(np.maximum(distinct, 1))) + 1
    large = distinct >= 1e6
    others = (distinct > 9).sum() - large.sum()  # 0, −1 and 9 often stand for unknown ones
    if _are_days(distinct) or (distinct[0] >= 1800 and distinct[-1] <= 2100):
        return ""
    few_sizes = bool(large.any()) and np.ptp(np.quantile(digits[large], [0.05, 0.95])) <= 2
    if large.sum() > others and few_sizes and (distinct[large] % 100 != 0).mean() > 0.5:
        return f"{PHONES} or {IDENTIFIERS}"
    if len(values) < _MANY or len(distinct) < 0.9 * len(values):
        return ""
    follow = distinct[-1] - distinct[0] < 2 * len(distinct)
    alike = np.median(digits) >= 4 and (digits == np.median(digits)).mean() >= 0.9
    alike = alike and (distinct % 100 != 0).mean() > 0.5
    return IDENTIFIERS if follow or alike else ""


def _called(name: str) -> list[str]:
    """The words of a column's name, also of one such as PassengerId, without "number" and the like at its end."""
    found = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return found[:-1] if found[-1:] in (["number"], ["no"], ["nr"], ["address"]) else found


def _is_phone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    if digits >= 9:  # a word or two beside it
        text = re.sub(r"(?<!\w)[^\W\d_]+(?!\w)\.?|x(?=\d)", "", text)
    return digits >= 7 and bool(_PHONE.fullmatch(text.strip())) and not _YEARS.fullmatch(text.strip())


def _are_free(texts: Sequence[str]) -> bool:
    if any(len(text) > _LONG or "\n" in text or _SENTENCE.search(text.strip()) for text in texts):
        return True
    vocabulary = {word for text in texts for word in text.split()}
    return len(vocabulary) > len(texts) and any(len(text.split()) >= _WORDS for text in texts)


def _parts(text: str) -> list[str]:
    """The words of a text and of its compounds, without accents: "AdaLovelace", "ada.lovelace" and "Ada_Lovelace"."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c)[0] != "M")
    return re.findall(r"[^\W\d_]+", re.sub(r"([^\W\d_][a-z])(?=[A-Z])", r"\1 ", bare))


def _is_ordinary(text: str) -> bool:
    """Whether a text has a word that is in no name."""
    return any(part in words.ORDINARY or part.endswith(_ENDINGS) for part in map(str.lower, _parts(text)))


def _is_name(text: str) -> bool:
    """Whether a text is two to four words with capital letters or of a script without, or has a frequent name."""
    parts = _parts(text)
    if _LAST_FIRST.match(text) or (len(parts) > 1 and parts[0].lower() in words.TITLES):
        return True
    if any("\u4e00" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in text):
        bare = "".join(text.split())
        return 2 <= len(bare) <= 4 and bare[0] in words.FAMILY_SIGNS
    if not 1 <= len(parts) <= 4:
        return False
    if any(part in words.GIVEN or part in words.FAMILY for part in map(str.lower, parts)):
        return True
    own = [part for part in text.replace("_", " ").split() if part.lower() not in words.PARTICLES]
    return (
        len(own) >= 2
        and all(_WORD.fullmatch(part) for part in _without_marks(own))
        and not own[-1].isupper()
        and all(not part[0].islower() and (len(part) <= 2 or not part.isupper()) for part in own)
    )


def _is_full_name(text: str) -> bool:
    """Whether a text begins with a frequent given name, and goes on like a name."""
    parts = _parts(text)
    if not 2 <= len(parts) <= 4 or parts[0].lower() not in words.GIVEN or (len(parts) > 2 and _is_ordinary(text)):
        return False
    return (parts[0][0].isupper() and parts[-1][0].isupper()) or (text.islower() and " " not in text.strip())


def _without_marks(parts: Sequence[str]) -> list[str]:
    """Words without signs such as those of vowels in Indian scripts."""
    return ["".join(c for c in part if unicodedata.category(c)[0] != "M") for part in parts]


def _are_days(numbers: NDArray[np.float64]) -> bool:
    """Whether all numbers are days written as 20240131."""
    month, day = numbers // 100 % 100, numbers % 100
    year = numbers // 10_000
    return bool(((year >= 1800) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
