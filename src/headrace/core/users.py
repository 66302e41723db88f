"""Users: what may be a name, an e-mail address or a password, and what is kept of each user."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from headrace.core.errors import InvalidName, InvalidValue
from headrace.core.names import check_name
from headrace.core.tokens import User

MIN_PASSWORD = 12
MAX_PASSWORD = 1000
"""Least and most characters of a password."""

MIN_DIFFERENT = 5
"""Least number of different characters in a password."""

MAX_EMAIL = 254

ME = "me"
"""Stands for the caller's own user in addresses, so nobody can have it as a name."""

FIRST_USER = "admin"
"""Name of the user who is there from the first start, and has its token."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CONTROL = {"Cc", "Cs"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what others may know of it.

    Attributes:
        user: The user.
        created_at: When it was created, UTC.
        has_password: Whether it can sign in with a password; else it has SDK tokens alone.
    """

    user: User
    created_at: datetime
    has_password: bool


def folded(identity: str) -> str:
    """Return a name or an e-mail address as it is compared: case makes no difference.

    None is longer than :data:`MAX_EMAIL`. What strangers send may be, and would take long, because
    the time to normalize a text grows with the square of its length.
    """
    return unicodedata.normalize("NFC", identity.strip()[: MAX_EMAIL + 1]).casefold()


def check_user_name(value: object) -> str:
    """Return ``value`` if it may name a user.

    Raises:
        InvalidName: It breaks the rule for names, or is reserved.
    """
    name = check_name(value, "name")
    if folded(name) == ME:
        raise InvalidName(f"name cannot be {name!r}, which stands for whoever asks: use another.")
    return name


def check_email(value: object) -> str:
    """Return ``value`` if it can be an e-mail address.

    Raises:
        InvalidValue: It cannot.
    """
    if not isinstance(value, str):
        raise InvalidValue("email must be a string, such as 'ada@example.com'.")
    if len(value) > MAX_EMAIL:
        raise InvalidValue(
            f"email is {len(value)} characters long; at most {MAX_EMAIL} are allowed."
        )
    if not value.isprintable() or not _EMAIL.fullmatch(value):
        raise InvalidValue(
            f"email {value!r} is not an e-mail address: write one as 'ada@example.com'."
        )
    return value


def address_of(name: str) -> str:
    """Return what stands for the e-mail address of a user who has given none."""
    return f"{name}@localhost"


def check_password(value: object, user: User) -> str:
    """Return ``value`` if it may be the password of a user. No message repeats it.

    Raises:
        InvalidValue: It is too short, too long, or too easily guessed.
    """
    if not isinstance(value, str):
        raise InvalidValue("password is missing: give a string.")
    if len(value) < MIN_PASSWORD:
        raise InvalidValue(
            f"password is too short: use at least {MIN_PASSWORD} characters, such as four words."
        )
    if len(value) > MAX_PASSWORD:
        raise InvalidValue(f"password is too long: at most {MAX_PASSWORD} characters are allowed.")
    if any(unicodedata.category(letter) in _CONTROL for letter in value):
        raise InvalidValue("password has characters that cannot be typed: leave them out.")
    if len(set(value)) < MIN_DIFFERENT:
        raise InvalidValue(
            f"password is too easily guessed: use at least {MIN_DIFFERENT} different characters."
        )
    if folded(value) in {folded(user.name), folded(user.email)}:
        raise InvalidValue("password is the user's own name or address: choose another.")
    return value


def password_bytes(text: str) -> bytes:
    """Return a password as it is hashed: the same for each way in which a keyboard writes it.

    Of one that is too long for a password, as much is left as makes it one that nobody has.
    """
    short = text[: MAX_PASSWORD + 1]
    return unicodedata.normalize("NFC", short).encode("utf-8", "surrogatepass")
