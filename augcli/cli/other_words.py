"""What other tools call options and commands, and what that is here."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from augcli.published import MANIFEST, TRAIN


class _Meant(NamedTuple):
    """What a word means: the option of ours, which a command may lack, and how that is written;
    {value} is what stands behind the other's option."""

    option: str
    text: str


_MEANT = {
    _Meant("SOURCE", "SOURCE stands first, without an option"): (
        "-i --in --input --input-dir --input-path --input-folder --src --src-dir --source"
        " --source-dir --data --data-dir --data-path --dataset --root --dir --folder --path -d"
    ),
    _Meant("--to", "--to FILE names the sheet"): (
        "-o --out --output --output-file --dst --dest --destination --save --save-to --outfile"
    ),
    _Meant("OUT", "OUT stands behind SOURCE, without an option"): (
        "-o --out --output --output-dir --output-path --output-folder --outdir --out-dir --dst"
        " --dst-dir --dest --destination --target-dir --save --save-dir --save-to --result"
        " --results"
    ),
    _Meant("--copies", "--copies N makes N outputs for each image"): (
        "-n -c --n --num --number --count --times --repeat --repeats --n-copies --num-copies"
        " --samples --num-samples --num-images --factor --multiplier --multiply --per-image"
        " --augmentations-per-image --num-augmentations"
    ),
    _Meant("--examples", "--examples N draws N rows"): (
        "--n --num --number --count --rows --num-examples --samples --num-samples"
    ),
    _Meant("--workers", "-j N, or --workers N, is meant"): (
        "--jobs --threads --num-workers --num_workers --num-threads --nproc --n-jobs --n_jobs"
        " --processes --num-processes --procs --cpus --parallel -w"
    ),
    _Meant("--overwrite", "--overwrite replaces a run"): (
        "--force -f --replace --clobber -y --yes --exist-ok --exist_ok"
    ),
    _Meant("--resume", "--resume goes on with a run"): "--continue --restart",
    _Meant("--size", "--size WxH sets the size of outputs"): (
        "--image-size --img-size --image_size --img_size --imgsz --imsize --resize --width --height"
        " --resolution --output-size --dims --shape"
    ),
    _Meant("--format", "--format jpeg, png, webp or same is meant"): (
        "--ext --extension --image-format --file-format --img-format"
    ),
    _Meant("--recipe", "--recipe NAME says what is done (`augcli recipes` lists them)"): (
        "--aug --augment --augmentation --augmentations --augmenter --method --transform"
        " --transforms --technique --operation --algorithm --algo --kind --type -a -m"
    ),
    _Meant(
        "--recipe-file",
        "--recipe-file FILE.toml has the steps of a recipe; options of commands stand in"
        " augcli.toml",
    ): "--config --config-file --conf --cfg --yaml --pipeline --settings",
    _Meant("--seed", "--seed N is meant"): (
        "--random-seed --random_seed --random-state --rng --rng-seed"
    ),
    _Meant("--device", "--device cuda, cpu or auto is meant"): (
        "--gpu --gpus --use-gpu --no-gpu --use-cuda --cuda --no-cuda --cpu --accelerator"
    ),
    _Meant("--quiet", "--quiet leaves out what is no error and no warning"): "--silent",
    _Meant("--quiet", "all that there is to say is shown; --quiet shows less"): (
        "--verbose -v --debug --log-level --loglevel"
    ),
    _Meant("--progress", "--progress never is meant"): "--no-bar --no-tqdm --disable-progress",
    _Meant("--set", "write --set probability={value}"): "--p -p --prob --proba --chance",
    _Meant("--quality", "--quality N is meant"): "--jpeg-quality --jpg-quality --q",
    _Meant("--classes-include", "--classes-include GLOB chooses classes"): (
        "--include --class --only --categories"
    ),
    _Meant("--per-class", "--per-class N makes N outputs for each class"): (
        "--balanced --balance --oversample --upsample --equalize-classes"
    ),
    _Meant("--dense-labels", f"labels are soft, and stand in OUT/{TRAIN}/{MANIFEST}"): (
        "--labels --soft-labels --soft --one-hot --onehot --hard-labels"
    ),
    _Meant("clean", "write `augcli cache clean`"): "--clean --clear --prune --purge --delete",
    _Meant("--classes-exclude", "--classes-exclude GLOB leaves classes out"): "--exclude --skip",
    _Meant("--limit", "--limit N is meant"): "--max-images --max --subset --first --sample",
    _Meant("--model", "--model FILE.onnx is meant"): (
        "--weights --checkpoint --ckpt --onnx --classifier --network"
    ),
    _Meant("--pair", "--pair different-class, same-class, balanced or any is meant"): (
        "--partner --partners --pairing"
    ),
    _Meant("--memory", "there are no batches; --memory MIB bounds what a worker holds"): (
        "--batch-size --batch_size --batch -b --bs"
    ),
}

_GENERATE = "write `augcli generate SOURCE OUT --recipe NAME`"
_LIST = "`augcli recipes` lists the recipes, `augcli --help` the commands"
# What others call a command.
COMMANDS = {
    **dict.fromkeys(("augment", "run", "create", "make", "start", "apply", "mix"), _GENERATE),
    **dict.fromkeys(("list", "ls", "show", "recipe"), _LIST),
    **dict.fromkeys(("check", "validate", "replay", "repair"), "write `augcli verify OUT`"),
    **dict.fromkeys(("clean", "clear"), "write `augcli cache clean`"),
    **dict.fromkeys(("inspect", "fit-head"), "it belongs to `augcli model`"),
    **dict.fromkeys(
        ("view", "visualize", "visualise", "draw", "sheet", "plot"),
        "write `augcli preview SOURCE --recipe NAME`",
    ),
    **dict.fromkeys(("info", "stats", "describe", "look"), "write `augcli inspect SOURCE`"),
    "resume": "write the command of the run again, with --resume",
    "version": "write `augcli --version`",
    "completion": "write `augcli --install-completion`",
    "config": "write `augcli generate --show-config`",
}


def meaning_of(name: str, own: Collection[str], value: str) -> str:
    """How what another tool's option is for is written here, where the command takes that: `own`
    are its options and arguments; else "". `value` is what stands behind the option."""
    for meant, names in _MEANT.items():
        if meant.option in own and name in names.split():
            return meant.text.format(value=value)
    return ""
