"""What output files are called: templates, and names that every file system takes."""

from __future__ import annotations

import unicodedata

import pytest

from augcli.errors import UserError
from augcli.manifest.file_names import ONLY_ID, OUTPUT_NAME, USUAL, file_name, id_in, read_template

ID = "0123456789abcdef"
SOURCE = USUAL


def named(source: str, template: str = SOURCE, **values: str) -> str:
    usual = {"recipe": "cutmix", "copy": "0", "view": "", "class": "cat", "id": ID}
    return file_name(template, usual | {"source": source} | values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{id}", "{id}"),
        ("{source}", "{source}_{id}"),
        ("{source}-", "{source}_{id}"),
        ("{source}_{copy}", "{source}_{copy}_{id}"),
        ("{source}-{id}", "{source}-{id}"),
        ("mine {class} ({source})", "mine {class} ({source})_{id}"),
        ("caf" + "e\u0301{copy}", "café{copy}_{id}"),
    ],
)
def test_templates_end_with_the_id(text: str, expected: str) -> None:
    assert read_template(text) == expected
    assert read_template(expected) == expected


FIELDS = "{source}, {recipe}, {copy}, {view}, {class} or {id}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{sorce}", "{sorce}, which is no field (did you mean 'source'?); fields are " + FIELDS),
        ("{0}", "{0}, which is no field; fields are " + FIELDS),
        ("{copy:03}", "says more of {copy} than its name; write {copy} alone"),
        ("{copy!r}", "says more of {copy} than its name; write {copy} alone"),
        ("{source.__class__}", "is no field"),
        ("{source[0]}", "is no field"),
        ("abc", "has no field, so that it says the same of every output; give one of " + FIELDS),
        ("", "--name (of no text) has no field"),
        ("{source", "has a brace without its other one"),
        ("{{{source}", "has '{', which file names cannot have everywhere"),
        ("a/{source}", "has '/', which file names cannot have everywhere"),
        ("..{source}", "has '.', which"),
        ("{source}\n", "has '\\n', which"),
        ("{id}_{source}", "does not end with _{id}"),
        ("{source}{id}", "does not end with _{id}"),
        ("{id}_{id}", "does not end with _{id}"),
        ("x" * 200 + "{source}", "is longer than 200 bytes"),
    ],
)
def test_templates_that_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        read_template(text)
    assert str(error.value).startswith("--name ")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("golden hour", "golden hour_cutmix_0"),
        ("con.aux", "con_aux_cutmix_0"),
        ('a:b*c?d|e<f>g"h\\i%j/k', "a_b_c_d_e_f_g_h_i_j_k_cutmix_0"),
        ("..", "cutmix_0"),
        ("e\u0301t\xe9", "été_cutmix_0"),
        ("日本語", "日本語_cutmix_0"),
        ("bad\\xff", "bad_xff_cutmix_0"),
        (" -x- ", "x_cutmix_0"),
        ("x\u202ey\u0007z", "x_y_z_cutmix_0"),
    ],
)
def test_names_are_safe_everywhere(source: str, expected: str) -> None:
    name = named(source)
    assert name == f"{expected}_{ID}"
    assert OUTPUT_NAME.fullmatch(f"{name}.jpg")
    assert id_in(name) == ID


def test_fields_without_a_value_go_with_what_stands_before_them() -> None:
    assert named("eye", view="orig", recipe="", copy="") == f"eye_orig_{ID}"
    assert named("eye", view="aug1") == f"eye_cutmix_0_aug1_{ID}"
    assert named("", "{view}-{source}-{id}") == ID
    assert named("eye", "{view} - {source}-{id}") == f"eye-{ID}"
    assert named("eye", ONLY_ID) == ID
    assert named("eye", "{class}-{source}-{id}") == f"cat-eye-{ID}"


@pytest.mark.parametrize("letter", ["a", "é", "語", "😀"])
def test_names_are_short(letter: str) -> None:
    everything = "{source}{source}{class}{recipe}_{copy}_{view}_{id}"
    for template in (SOURCE, everything, "x" * 190 + "{source}"):
        name = named(letter * 300, read_template(template), **{"class": letter * 300})
        assert len(name.encode()) <= 120 + 17
        assert name.endswith(f"_{ID}")
        assert unicodedata.is_normalized("NFC", name)
        assert set(name) <= {letter, *ID, *"xcutmix_"}
    assert named("a" * 300) == f"{'a' * 80}_cutmix_0_{ID}"


@pytest.mark.parametrize(
    "name",
    ["photo", ID[1:], f"x{ID}", f"{ID}{ID}", f"x.y_{ID}", f"{ID.upper()}", f"x_{ID}0", f"x {ID}"],
)
def test_other_names_hold_no_id(name: str) -> None:
    assert id_in(name) is None
    assert not OUTPUT_NAME.fullmatch(f"{name}.jpg")


def test_names_below_folders_are_no_names() -> None:
    assert not OUTPUT_NAME.fullmatch(f"a/b_{ID}.jpg")
    assert not OUTPUT_NAME.fullmatch(f"a\nb_{ID}.jpg")
    assert not OUTPUT_NAME.fullmatch(f"b_{ID}")
    assert OUTPUT_NAME.fullmatch(f"b_{ID}.jpg")
