"""Which values look as if they named people, by their shape: a datasheet must not repeat them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EMAILS, PHONES, NAMES, FREE_TEXT = "e-mail addresses", "phone numbers", "names of people", "free text"
WEB, IDENTIFIERS = "web addresses", "identifiers"
"""What values can look like."""

_EMAIL = re.compile(r"[^\s@]+\s?(?:@|\(at\)|\[at\])\s?[^\s@]+|@\w{2,}", re.IGNORECASE)
_WEB = re.compile(r"https?://|www\.", re.IGNORECASE)
_PHONE = re.compile(r"(?:(?:tel|phone|fax|mobile|cell)[.:]*\s*)?\+?[\d\s()./\-–]{7,24}", re.IGNORECASE)
_YEARS = re.compile(r"\d{4}\s?[\-–/]\s?\d{4}")
_SENTENCE = re.compile(r"\w+\W+\w+\W+\w.*[.!?]$")
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\.?")
_LAST_FIRST = re.compile(r"[^\W\d_][\w'’ -]*, [^\W\d_]")

_LONG = 60
"""Texts of more characters than this are free text."""
_WORDS = 5
"""Texts of this many words are free text, unless few words make many levels."""
_PARTICLES = """
al bin da de del den der di dos du el la le ten ter van von y zu
"""
_TITLES = """
mr mrs ms miss dr prof sir herr frau mme mlle
"""
# Frequent given names of many countries that are not words or places too.
_GIVEN = """
aaron abdullah adam adrian ahmed aisha alejandro alexander alexandra ali alice amanda amy ana andre andrea
andreas andrew angela anita ann anna anne anthony antonio anya arthur barbara beatriz benjamin bernd betty
birgit bob boris brandon brenda brian bruno camille carla carlos carol carolin caroline catherine chen chloe
christine christopher claire claudia daniel daniela david deborah denis dennis diana diego dieter dmitri
dmitry donald dorothy edward elena elif elisabeth elizabeth ella emil emily emma eric erik eva fatima fatma
felix fernando francesca francesco francois gabriel george gerhard giovanni giulia gregory guillaume gustav
hanna hannah hans harold heather helen henrik henry hiroshi ibrahim igor ines ingrid irina isabel isabella
ivan jacob jakub james jamie jan jane janet jason javier jean jeffrey jennifer jeremy jessica jesus joan
joao johan johann johannes john jonas jonathan jorge jose joseph joshua juan judith julia julie julien
jurgen justin karen karin karl katarzyna katharina katherine kathleen katja keith kelly kenji kenneth kevin
klaus krzysztof kyle lars laura lea lena leon lewis liam linda lisa louis louise luca lucas lucia luis luisa
lukas magdalena manuel marco marcus margaret maria marie mario marta martin martina mary maryam matteo
matthew mehmet mei melissa mia michael michal michel miguel mikhail mohamed mohammed monica monika muhammad
mustafa nadia natalia natalie nathan nicholas nicolas nicole nikolai nina noah noor oliver olivia omar oscar
pablo pamela patricia patrick paul paula pavel pedro peter petra philip philipp pierre piotr priya rachel
rafael rahul raj ralph raymond rebecca richard robert roberto roger ronald rosa ruth ryan samantha samuel
sandra sara sarah scott sean sebastian sergei sergey sergio sharon sofia sophia sophie stefan stefanie
stephanie stephen steven susan susanne svetlana tatiana teresa theresa thomas tim timothy tobias tomasz
ursula valentina vanessa veronica victor viktor vincent vladimir walter wei werner wilhelm william wolfgang
xavier yan yuki yusuf yves zainab zoe
"""
_PERSONS = """
author client contact customer employee family first full given last maiden member middle nick passenger
patient person player student teacher user
"""
_particles, _titles, _given, _persons = (frozenset(words.split()) for words in (_PARTICLES, _TITLES, _GIVEN, _PERSONS))
_OF_PERSONS = {
    **dict.fromkeys(("email", "mail", "emails"), EMAILS),
    **dict.fromkeys(("phone", "telephone", "tel", "mobile", "fax"), PHONES),
    **dict.fromkeys(("surname", "firstname", "lastname", "fullname", "forename", "username", "nickname"), NAMES),
}


def of_texts(name: str, texts: Sequence[str]) -> str:
    """What distinct texts of a column look like that a datasheet must not repeat; "" if they look harmless.

    One e-mail address, phone number, free text, or frequent given name with a surname is enough; other texts are taken
    for names if half of them are two to four words with capital letters, or if there are many single ones.

    Example:
        >>> of_texts("who", ["Ada Lovelace", "Alan Turing"]), of_texts("side", ["left", "right"])
        ('names of people', '')
    """
    words = _name_words(name)
    told = next((_OF_PERSONS[word] for word in words if word in _OF_PERSONS), "")
    if told or (words and words[-1] in ("name", "names") and set(words[:-1]) <= _persons):
        return told or NAMES
    for shape, is_such in ((EMAILS, _EMAIL.search), (WEB, _WEB.search), (PHONES, _is_phone)):
        if any(is_such(text) for text in texts):
            return shape
    if _are_free(texts):
        return FREE_TEXT
    if any(_is_full_name(text) for text in texts):
        return NAMES
    alike = sum(map(_is_name, texts))
    single = sum(bool(_WORD.fullmatch(text)) and text[:1].isupper() for text in texts)
    return NAMES if 2 * alike >= len(texts) > 0 or (single >= 0.9 * len(texts) and len(texts) > _MANY) else ""


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
    words = _name_words(name)
    if any(_OF_PERSONS.get(word) == PHONES for word in words):
        return PHONES
    if words and words[-1] in ("id", "ids", "ssn", "passport", "iban"):
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


def _name_words(name: str) -> list[str]:
    """The words of a column's name, also of one such as PassengerId."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _is_phone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    return digits >= 7 and bool(_PHONE.fullmatch(text.strip())) and not _YEARS.fullmatch(text.strip())


def _are_free(texts: Sequence[str]) -> bool:
    if any(len(text) > _LONG or "\n" in text or _SENTENCE.search(text.strip()) for text in texts):
        return True
    vocabulary = {word for text in texts for word in text.split()}
    return len(vocabulary) > len(texts) and any(len(text.split()) >= _WORDS for text in texts)


def _is_name(text: str) -> bool:
    """Whether a text is two to four words with capital letters, or has a frequent given name."""
    words = text.replace("_", " ").split()
    if _LAST_FIRST.match(text) or (words and words[0].lower().rstrip(".") in _titles and len(words) > 1):
        return True
    if not 1 <= len(words) <= 4 or not all(_WORD.fullmatch(word) for word in words):
        return False
    if any(_without_accents(part) in _given for word in words for part in re.split(r"['’\-]", word.lower())):
        return True
    own = [word for word in words if word.lower() not in _particles]
    return (
        len(own) >= 2
        and not own[-1].isupper()
        and all(word[0].isupper() and (len(word) <= 2 or not word.isupper()) for word in own)
    )


def _is_full_name(text: str) -> bool:
    words = text.replace("_", " ").split()
    full = 2 <= len(words) <= 4 and all(_WORD.fullmatch(word) and word[0].isupper() for word in (words[0], words[-1]))
    return full and _without_accents(words[0].lower()) in _given


def _without_accents(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word.rstrip(".")) if not unicodedata.combining(c))


def _are_days(numbers: NDArray[np.float64]) -> bool:
    """Whether all numbers are days written as 20240131."""
    month, day = numbers // 100 % 100, numbers % 100
    year = numbers // 10_000
    return bool(((year >= 1800) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
