"""Pickles that would run code, or take memory and time without end: nothing of them is run."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.data.pickle_values import read_pickle
from augcli.data.source import list_source
from augcli.errors import UserError
from tests.data.test_cifar import dump4, images, write_ten

_LINES = b"cnumpy\ndtype\n"


class Call:
    """What pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


CALLS = {
    "os.system": Call(os.system, "touch harm"),
    "eval": Call(builtins.eval, "open('harm', 'w')"),
    "exec": Call(builtins.exec, "open('harm', 'w')"),
    "getattr": b"cbuiltins\ngetattr\n(cos\nenviron\nVpop\ntR.",
    "open": Call(open, "harm", "w"),
    "a path": Call(Path.touch, Path("harm")),
    "numpy's load": Call(np.load, "harm"),
    "numpy's runstring": b"cnumpy.testing._private.utils\nrunstring\n(Vopen('harm','w')\n}tR.",
    "numpy.core's chain": b"cnumpy.core.multiarray\nfromfile\nU\x04harm\x85R.",
    "a name inside of numpy": b"\x80\x04\x8c\x05numpy\x8c\x10core.os.system\x93\x8c\x01x\x85R.",
    "a module by a dtype": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0atouch harm\x85R.",
    "an instance": b"(ios\nsystem\nU\x0atouch harm\n.",
    "an object": b"(cos\nsystem\nU\x0atouch harm\no.",
    "newobj": b"\x80\x02cos\nsystem\nU\x0atouch harm\x85\x81.",
    "newobj with keys": b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pharm\n.",
    "a state of a dict": b"\x80\x02}}b.",
    "a call of an array": b"\x80\x02cnumpy\nndarray\nK\x01\x85R.",
    "a call of a list": b"\x80\x02]K\x01\x85R.",
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    call = CALLS[name]
    pickles = [call] if isinstance(call, bytes) else [pickle.dumps(call, p) for p in range(6)]
    write_ten(tmp_path / "ten", dump4)
    for data in pickles:
        for file in ("data_batch_1", "batches.meta"):
            whole = (tmp_path / "ten" / file).read_bytes()
            (tmp_path / "ten" / file).write_bytes(data)
            with pytest.raises(UserError, match="is no pickle of arrays, lists and names alone: "):
                list_source(tmp_path / "ten")
            (tmp_path / "ten" / file).write_bytes(whole)
    assert not (tmp_path / "harm").exists()


def laughs(depth: int) -> bytes:
    """A list of ten times the list before, again and again: 10 ** depth elements in few bytes."""
    steps = b"]K\x01a" + b"q\x00"
    for level in range(1, depth):
        steps += b"](" + b"h%c" % (level - 1) * 10 + b"eq%c" % level
    return steps


def deep(depth: int) -> bytes:
    return b"]" * depth + b"a" * (depth - 1)


@pytest.mark.parametrize("inner", [laughs(30), deep(100_000), b"]q\x00h\x00a"])
@pytest.mark.parametrize(
    "form",
    [
        b"\x80\x02}U\x0blabel_names](%seas.",  # a name of a class
        b"\x80\x02%s.",
        b"\x80\x02}U\x06labels%ssU\x04dataK\x01s.",
        b"\x80\x02}%sK\x01s.",
        b"\x80\x02" + _LINES + b"%s\x85R.",  # the name of a dtype
        b"\x80\x04%s%s\x93.",
        b"\x80\x02cnumpy.core.numeric\n_frombuffer\n(K\x00" + _LINES + b"U\x02u1\x85RK\x01%stR.",
    ],
)
def test_lists_without_end_cost_nothing(tmp_path: Path, inner: bytes, form: bytes) -> None:
    """Not as texts of sentences, either."""
    started = time.monotonic()
    write_ten(tmp_path / "ten", dump4)
    data = form.replace(b"%s", inner)
    for file in ("data_batch_1", "batches.meta"):
        whole = (tmp_path / "ten" / file).read_bytes()
        (tmp_path / "ten" / file).write_bytes(data)
        with pytest.raises(UserError) as refused:
            list_source(tmp_path / "ten")
        assert len(str(refused.value)) < 500
        (tmp_path / "ten" / file).write_bytes(whole)
    assert time.monotonic() - started < 20


HASH = sys.hash_info.modulus


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"}(" + b"".join(b"K%cK\x00" % (i % 256) for i in range(10_001)) + b"u.", "10,000 keys"),
        (b"}I%d\nK\x01s." % (7 * HASH), "a key of a dict is no name"),
        (b"]p%d\n." % HASH, "it counts beyond what it holds"),
        (b"]r\xff\xff\xff\xff.", "it counts beyond what it holds"),
        (b"T" + struct.pack("<I", 2**32 - 1) + b"x", "it breaks off"),
        (b"\x8e" + struct.pack("<Q", 2**64 - 1) + b"x", "it breaks off"),
        (b"X" + struct.pack("<I", 2**31) + b"x", "a text of it has 2147483648 bytes"),
        (b"I" + b"9" * 5_000 + b"\n.", "a line of it does not end"),
        (b"h\x00.", "it is broken or cut off"),
        (b"(", "it breaks off"),
    ],
)
def test_bombs(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(UserError, match=sentence):
        read_pickle(tmp_path / "p")


def test_texts_are_bounded(tmp_path: Path) -> None:
    """What stays in memory, whatever the file's size."""
    one = b"U\xff" + b"x" * 255 + b"0"
    with (tmp_path / "p").open("wb") as file:
        file.write(b"\x80\x02(")
        for _ in range(300):
            file.write((b"X\x00\x10\x00\x00" + b"x" * 4096) * 64)
        file.write(one + b"t.")
    with pytest.raises(UserError, match="its texts have more than 64 MiB"):
        read_pickle(tmp_path / "p")


def test_names_are_texts(tmp_path: Path) -> None:
    write_ten(tmp_path / "ten", dump4)
    (tmp_path / "ten/batches.meta").write_bytes(dump4({"label_names": [1, ["a"]]}))
    with pytest.raises(UserError, match="has no label_names; download it again"):
        list_source(tmp_path / "ten")
    (tmp_path / "ten/batches.meta").write_bytes(dump4({"label_names": [b"a", "b"]}))
    for file in ("data_batch_1", "data_batch_2", "test_batch"):
        (tmp_path / "ten" / file).write_bytes(dump4({"data": images(2, 1), "labels": [0, 1]}))
    assert list_source(tmp_path / "ten").classes == ("a", "b")
