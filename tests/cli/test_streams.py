"""Standard streams that are closed, full, or of another encoding; JSON of failures; signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.text import count_text
from tests.conftest import ROOT, SAMPLE_DATA, Augcli, tree, write_photo

Shell = Callable[..., subprocess.CompletedProcess[bytes]]

FULL = "No space left on device"
CLOSED = "Bad file descriptor"
LOST = "augcli: The result cannot be written to standard output: {}.\n"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run a line of bash in which $A is `augcli`, in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()

    def run(line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        outside = {k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")}
        named = {"PYTHONPATH": str(ROOT), "A": f"{sys.executable} -m augcli", "COLUMNS": "100"}
        return subprocess.run(
            ["bash", "-c", line], cwd=folder, env={**outside, **named, **env},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(
    "streams",
    ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full",
     "2> >(true)", "> >(true)", "<&- 2>&-"],
)  # fmt: skip
@pytest.mark.parametrize("progress", ["always", "auto"])
def test_a_run_goes_on_whatever_its_streams_are(
    shell: Shell, photos: Path, tmp_path: Path, streams: str, progress: str
) -> None:
    """And nothing of what is printed gets into a file of the run."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    (photos / "ant/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    options = f"-r cutmix -j 2 --max-errors 1 --progress {progress}"
    assert shell(f"$A generate {photos} {calm} {options}").returncode == 0
    result = shell(f"$A generate {photos} {out} {options} {streams}")
    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
    assert tree(out / "train") == tree(calm / "train")
    assert (out / "errors.jsonl").read_bytes() == (calm / "errors.jsonl").read_bytes()
    result = shell(f"$A verify {out} --replay {streams}")
    assert (result.returncode, b"Traceback" in result.stderr) == (0, False), result.stderr
    sheet = tmp_path / "sheet.png"
    assert shell(f"$A preview {photos} -r flip --to {sheet} {streams}").returncode == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_warning_says_that_a_summary_is_lost(shell: Shell, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = shell(f"$A generate {photos} {out} -r cutmix >/dev/full")
    assert (result.returncode, result.stderr.decode()) == (
        0,
        f"augcli: warning: OUT {out} is complete, but the result cannot be written to standard"
        f" output: {FULL}.\n",
    )


@pytest.mark.parametrize(
    ("stream", "why"), [(">/dev/full", FULL), (">&-", CLOSED), ("1<bash", CLOSED)]
)
@pytest.mark.parametrize(
    "command", ["recipes", "recipes cutmix --json", "--help", "--version", "generate --help"]
)
def test_a_result_that_is_lost_is_a_failure(
    shell: Shell, command: str, stream: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "cwd/bash").touch()
    result = shell(f"$A {command} {stream}")
    assert (result.returncode, result.stderr.decode()) == (1, LOST.format(why))


def test_json_that_is_lost_is_a_failure_of_a_complete_run(
    shell: Shell, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = shell(f"$A generate {photos} {out} -r cutmix --json >/dev/full")
    assert (result.returncode, result.stderr.decode()) == (
        1,
        f"augcli: OUT {out} is complete, but the result cannot be written to standard output:"
        f" {FULL}.\n",
    )
    assert (out / "train/metadata.jsonl").is_file()


@pytest.mark.parametrize("command", ["recipes", "--help", "recipes --json"])
def test_a_reader_that_went_away_ends_in_silence(shell: Shell, command: str) -> None:
    result = shell(f"$A {command} | true; exit ${{PIPESTATUS[0]}}")
    assert (result.returncode, result.stderr) == (141, b"")


def test_a_list_that_cannot_be_read(shell: Shell) -> None:
    result = shell("$A generate - out -r flip <&-")
    assert (result.returncode, result.stderr.decode()) == (
        2, "augcli: SOURCE - reads paths from standard input, which is closed; open it.\n",
    )  # fmt: skip


USAGE = {
    "unknown option": (
        "recipes --jsn",
        "There is no option --jsn (did you mean '--json'?); `augcli recipes --help`",
    ),
    "missing argument": ("generate --recipe flip", "SOURCE is missing; `augcli generate --help`"),
    "wrong value": (
        "preview S -r flip --fit x",
        "--fit x is unknown; give cover, contain or stretch.",
    ),
    "unknown command": ("recipies", "There is no command 'recipies' (did you mean 'recipes'?)"),
    "refused": ("generate nowhere out -r flip", "SOURCE nowhere does not exist; give a folder"),
    "show": ("preview S -r flip --show", "--show and --json exclude each other"),
}


@pytest.mark.parametrize("case", USAGE)
def test_a_failure_with_json_is_an_object(shell: Shell, case: str) -> None:
    command, sentence = USAGE[case]
    plain = shell(f"$A {command}")
    result = shell(f"$A {command} --json")
    if case != "show":
        assert (plain.returncode, plain.stdout) == (2, b"")
        assert plain.stderr == result.stderr
    assert result.returncode == 2
    assert result.stderr.startswith(f"augcli: {sentence}".encode())
    assert result.stderr.count(b"\n") == 1
    values = json.loads(result.stdout)
    assert values == {"error": {"message": result.stderr.decode()[8:-1], "exit_code": 2}}


def test_json_from_the_environment_is_kept_also_in_failure(shell: Shell) -> None:
    result = shell("$A generate nowhere out -r flip", AUGCLI_JSON="1")
    assert json.loads(result.stdout)["error"]["exit_code"] == 2
    result = shell("$A recipes --set --json")
    assert (result.returncode, json.loads(result.stdout)["error"]["exit_code"]) == (2, 2)
    result = shell("$A generate nowhere out -r flip --set --json")
    assert "--set has no value" in json.loads(result.stdout)["error"]["message"]
    assert result.returncode == 2


def test_what_fails_with_a_result_prints_that_alone(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    (photos / "ant/broken.jpg").write_bytes(b"no image")
    for command in (("generate", "-r", "flip"), ("saliency",)):
        out = tmp_path / command[0]
        result = augcli(command[0], photos, out, *command[1:], "--json")
        assert result.returncode == 1
        assert json.loads(result.stdout)["skipped"] == 1
        sentence = "1 input skipped, --max-errors is 0"
        assert json.loads(result.stdout)["error"] == {"message": sentence, "exit_code": 1}
        assert result.stderr == f"augcli: exit 1: {sentence}; see {out / 'errors.jsonl'}.\n"


def test_a_fault_of_the_program_is_one_sentence(shell: Shell, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text(
        "import augcli.data.source as s\ndef broken(*_):\n    return 1 // 0\n"
        "s.list_source = broken\n"
    )
    result = shell("$A generate S out -r flip --json", PYTHONPATH=f"{shadow}:{ROOT}")
    assert result.returncode == 1
    assert result.stderr.startswith(b"augcli: augcli failed: ZeroDivisionError: integer division")
    assert (result.stderr.count(b"\n"), b"Traceback" in result.stderr) == (1, False)
    assert json.loads(result.stdout)["error"]["exit_code"] == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_output_in_any_encoding(shell: Shell, tmp_path: Path, encoding: str) -> None:
    """JSON is UTF-8 whatever the stream is; text has escapes for what its encoding does not
    hold."""
    source = tmp_path / "cwd/猫é"
    for number in range(2):
        write_photo(source / "猫" / f"{number}.png", number, 40, 30)
    env = {"PYTHONIOENCODING": encoding}
    text = "猫é".encode(encoding, "backslashreplace")
    result = shell("$A generate 猫é out猫é -r flip --progress always", **env)
    assert (result.returncode, text in result.stdout) == (0, True), result.stderr
    bar = result.stderr.decode(encoding)
    assert "2/2" in bar
    assert ("█" in bar) == (encoding == "utf-8")
    result = shell("$A generate 猫é json猫é -r flip --json", **env)
    assert json.loads(result.stdout.decode())["out"] == "json猫é"
    result = shell("$A generate 猫éx out -r flip", **env)
    assert (result.returncode, b"SOURCE " + text + b"x does not exist" in result.stderr) == (
        2,
        True,
    )
    result = shell("$A generate 猫éx out -r flip --json", **env)
    assert "猫éx" in json.loads(result.stdout.decode())["error"]["message"]
    assert shell("$A recipes; $A recipes fmix; $A --help", **env).returncode == 0


@pytest.mark.parametrize(("encoding", "character"), [("ascii", " "), ("utf-8", "▀")])
def test_a_picture_in_any_encoding(
    shell: Shell, photos: Path, encoding: str, character: str
) -> None:
    env = {"COLORTERM": "truecolor", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    command = f"$A preview {photos} -r flip -n 1 --show"
    result = shell(command, PYTHONIOENCODING=encoding, **env)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.decode().splitlines()
    drawn = [line for line in lines if "48;2;" in line]
    assert len(drawn) > 1 and all("m" + character in line for line in drawn)
    assert "\\u2580" not in result.stdout.decode()
    result = shell(command, TERM="dumb")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"--show draws in colours, and standard output is not a terminal" in result.stderr
    result = shell(f"{command} >/dev/full", **env)
    assert (result.returncode, result.stderr.count(b"is written, but cannot be drawn")) == (0, 1)


@pytest.mark.parametrize("command", ["", "model"])
def test_a_missing_command_shows_the_help(shell: Shell, command: str) -> None:
    result = shell(f"$A {command}")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"Usage: augcli {command}".strip().encode())
    assert b"Commands:" in result.stderr


def test_the_version_has_a_short_option(augcli: Augcli) -> None:
    import augcli as package

    for option in ("-V", "--version"):
        assert augcli(option).stdout == f"augcli {package.__version__}\n"


def start(photos: Path, out: Path, *more: str, prefix: tuple[str, ...] = ()) -> Any:
    """A run that takes some seconds, once its workers write."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "augcli", "generate", str(photos), str(out), "-r",
         "cutmix", "-k", "4000", "-j", "2", "--json", *more],
        cwd=out.parent, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(out.glob(".augcli/train/*/*")) and time.monotonic() < until:
        assert process.stderr is not None and process.poll() is None
        time.sleep(0.05)
    return process


def members(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    actual = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            actual.append(int(stat.parent.name))
    return actual


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("to_all", [True, False], ids=["group", "parent"])
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT", "SIGQUIT"])
def test_signals_end_the_run_and_its_workers(
    photos: Path, tmp_path: Path, name: str, to_all: bool
) -> None:
    """A terminal sends them to the workers too. SIGQUIT is left to the system."""
    number = signal.Signals[name]
    process = start(photos, tmp_path / "out")
    (os.killpg if to_all else os.kill)(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    if name == "SIGQUIT":
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        sentence = f"stopped by {name}; give the same command with --resume to go on."
        assert stderr.decode() == f"augcli: {sentence}\n"
        error = {"message": sentence, "exit_code": 128 + number}
        assert json.loads(stdout) == {"error": error}
    until = time.monotonic() + 20
    while (left := members(process.pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []
    assert not (tmp_path / "out/train").exists()


def test_nohup_is_respected(photos: Path, tmp_path: Path) -> None:
    process = start(photos, tmp_path / "out", prefix=("nohup",))
    os.killpg(process.pid, signal.SIGHUP)
    time.sleep(1.0)
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_counts_agree_with_what_they_count() -> None:
    texts = [count_text(1, "input"), count_text(2, "input"), count_text(0, "input")]
    assert texts == ["1 input", "2 inputs", "0 inputs"]
    assert [count_text(n, "class") for n in (1, 2)] == ["1 class", "2 classes"]
    assert [count_text(n, "index", "indices") for n in (1, 2)] == ["1 index", "2 indices"]


def test_one_of_each_is_said_as_one(augcli: Augcli, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    write_photo(source / "a/1.png", 1, 40, 30)
    dry = augcli("generate", source, out, "-r", "flip", "--dry-run").stdout
    assert dry.startswith(f"{source}: a folder with one folder a class; 1 image of 1 class, ")
    assert dry.splitlines()[-1].startswith("Would make 1 image in ")
    assert dry.endswith(" with flip, from 1 image of 1 class.\n")
    assert augcli("generate", source, out, "-r", "flip").stdout.startswith("1 image of 1 class in ")
    assert augcli("verify", out).stdout == "1 row and its file agree.\n"
    (out / "train/extra.txt").touch()
    assert "\n1 fault in 1 row.\n" in augcli("verify", out).stdout
    result = augcli("saliency", source, tmp_path / "maps")
    assert result.stdout.startswith("1 map in ")


def test_every_command_prints_one_object(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    model = SAMPLE_DATA / "classifier.onnx"
    by_model = ("--saliency", "gradient", "--model", model, "--target", "predicted")
    cache = {"AUGCLI_SALIENCY_CACHE": str(tmp_path / "cache")}
    for command in (
        ("recipes",), ("recipes", "cutmix"), ("model", "inspect", model),
        ("generate", photos, tmp_path / "o", "-r", "cutmix", "--dry-run"),
        ("generate", photos, tmp_path / "o", "-r", "cutmix", "--progress", "always"),
        ("verify", tmp_path / "o"), ("preview", photos, "-r", "cutmix", "--to", tmp_path / "p.png"),
        ("saliency", photos, tmp_path / "maps", "--overlay", *by_model),
        ("model", "fit-head", model, SAMPLE_DATA, "--at", "relu2", "-o", tmp_path / "e.onnx"),
    ):  # fmt: skip
        result = augcli(*command, "--json", env=cache)
        assert result.returncode == 0, (command, result.stderr)
        assert isinstance(json.loads(result.stdout), dict)
        assert result.stdout.count("\n") == 1 and result.stdout.endswith("\n")


def test_a_pipe_that_is_full_and_set_not_to_wait() -> None:
    """As of some programs that start others; the result waits for its reader."""
    fcntl = pytest.importorskip("fcntl")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(writer, fcntl.F_GETFL))
    filled = 0
    try:
        while True:
            filled += os.write(writer, b" " * 4096)
    except BlockingIOError:
        pass
    process = subprocess.Popen(
        [sys.executable, "-m", "augcli", "recipes", "--json"],
        cwd=ROOT, stdout=writer, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    try:
        process.wait(3.0)
    except subprocess.TimeoutExpired:
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read()[filled:]
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, b"")
        assert "cutmix" in json.loads(text)
    else:
        pytest.fail("it did not wait")
