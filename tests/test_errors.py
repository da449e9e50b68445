"""What a user reads of an error is one line."""

from __future__ import annotations

import pickle

import pytest

from augcli.errors import RunFailed, UserError


@pytest.mark.parametrize("kind", [UserError, RunFailed])
def test_a_sentence_is_one_printable_line_of_bounded_length(kind: type[Exception]) -> None:
    assert str(kind("SOURCE a b cannot be read.")) == "SOURCE a b cannot be read."
    assert str(kind("a\n\x1b[2J\udcff\u2028b")) == "a\\n\\x1b[2J\\udcff\\u2028b"
    error = kind("SOURCE " + "\n" * 5000 + " is too long; rename it.")
    assert len(str(error)) == 900
    assert str(error).startswith("SOURCE \\n\\n")
    assert str(error).endswith("\\n is too long; rename it.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))
