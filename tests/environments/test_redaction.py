"""No form of a secret gets through."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from headrace.environments.redaction import Redaction

SECRETS = st.text(min_size=1, max_size=20).filter(lambda text: text.strip("* \t\n"))


@given(SECRETS.filter(str.isprintable), st.text(max_size=10), st.text(max_size=10))
def test_a_secret_and_its_quoted_forms_are_replaced(secret, before, after):
    redact = Redaction([secret])
    for form in (secret.strip(), quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert form not in redact(f"{before}{form}{after}").replace("***", "\0")


def test_the_rest_of_the_line_stays():
    assert (
        Redaction(["pw", "p"])("https://user:pw@host, and pw") == "htt***s://user:***@host, and ***"
    )


def test_each_line_of_a_secret_with_several_lines_is_replaced():
    assert Redaction(["BEGIN\nabc\n"])("key: abc") == "key: ***"


def test_empty_secrets_hide_nothing():
    assert Redaction(["", " \n"])("six") == "six"
    assert Redaction([])("six") == "six"
