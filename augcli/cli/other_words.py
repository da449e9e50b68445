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
        " --source-dir --img-dir --image-dir --images-dir --img-root --image-root --img-folder"
        " --image-folder --data --data-dir --data-path --dataset --root --dir --folder --path -d"
    ),
    _Meant("--to", "--to FILE names the sheet"): (
        "-o --out --output --output-file --dst --dest --destination --save --save-to --outfile"
    ),
    _Meant("OUT", "OUT stands {out}, without an option"): (
        "-o --out --output --output-dir --output-path --output-folder --outdir --out-dir --dst"
        " --dst-dir --dest --destination --target-dir --save --save-dir --save-to --result"
        " --results"
    ),
    _Meant("--copies", "--copies N makes N outputs for each image"): (
        "-n -c --n --num --number --count --times --repeat --repeats --n-copies --num-copies"
        " --samples --num-samples --num-images --factor --multiplier --multiply --per-image"
        " --augmentations-per-image --num-augmentations --copy --n-aug --num-aug"
    ),
    _Meant("--examples", "--examples N draws N rows"): (
        "--n --num --number --count --rows --num-examples --samples --num-samples"
    ),
    _Meant("--workers", "-j N, or --workers N, is meant"): (
        "--jobs --threads --num-workers --num_workers --num-threads --nproc --n-jobs --n_jobs"
        " --processes --num-processes --procs --cpus --parallel -w"
    ),
    _Meant("--overwrite", "--overwrite replaces a run"): (
        "--force -f --replace --clobber -y --yes --exist-ok --exist_ok --clean --rm --delete"
        " --recreate --rebuild"
    ),
    _Meant("--resume", "--resume goes on with a run"): "--continue --restart --append",
    _Meant("--dry-run", "--dry-run says what would be made, and writes nothing"): (
        "--simulate --plan --what-if --no-act --no-write --noop --test"
    ),
    _Meant("--repair", "--repair makes again what is missing or broken"): (
        "--fix --heal --restore --fix-missing"
    ),
    _Meant("--size", "--size WxH sets the size of outputs"): (
        "--image-size --img-size --image_size --img_size --imgsz --imsize --resize --width --height"
        " --resolution --output-size --dims --shape"
    ),
    _Meant("--format", "--format jpeg, png, webp or same is meant"): (
        "--ext --extension --image-format --file-format --img-format --output-format"
        " --out-format --save-format --image-type --filetype --file-type"
    ),
    _Meant("--recipe", "--recipe NAME says what is done (`augcli recipes` lists them)"): (
        "--aug --augment --augmentation --augmentations --augmenter --method --transform"
        " --transforms --technique --operation --algorithm --algo --kind --type -a -m"
        " --policy --recipes --ops --operations"
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
    _Meant("--classes", "classes are those of SOURCE; --classes FILE (one a line) fixes them"): (
        "--class-names --class-file --classes-file --names --label-map --labelmap --num-classes"
        " --n-classes --nc --class-map --class-to-idx"
    ),
    _Meant("--limit", "--limit N takes N images"): (
        "--max-images --max-samples --subsample --sample --first --fraction --max"
    ),
    _Meant("--multi-label", "--multi-label is meant"): (
        "--multilabel --multi_label --multi-labels --multilabels --multi-hot --multihot"
        " --multi-class --multiclass --multiple-labels"
    ),
    _Meant("--unlabelled", "--unlabelled reads images without labels"): (
        "--no-labels --no-label --without-labels --unlabeled --no-classes-folders --unsupervised"
        " --ignore-labels --self-supervised --flat"
    ),
    _Meant(
        "--group-by", "--group-by COLUMN, or a regular expression over names, keeps groups apart"
    ): (
        "--group --groups --group-column --group-col --group-key --grouped --patient --patients"
        " --patient-id --patient-column --subject --subjects"
    ),
    _Meant("--label-separator", "--label-separator TEXT divides labels"): (
        "--separator --sep --delimiter --delim --label-delimiter"
    ),
    _Meant("--label-column", "--label-column NAME is the column of labels of a table"): (
        "--label-col --target-column --target-col --y-col --class-column --class-col --label-field"
        " --label-key --label"
    ),
    _Meant("--path-column", "--path-column NAME is the column of paths of a table"): (
        "--path-col --x-col --image-column --image-col --img-col --file-column --filename-column"
    ),
    _Meant("SOURCE", "a table of paths and labels is given as SOURCE"): (
        "--csv --table --metadata --manifest --annotations --annotation --ann-file --label-file"
        " --labels-file --labels-csv --label-csv --parquet --jsonl --json-file --df"
    ),
    _Meant("SOURCE", "the images below the folder of a class are read at any depth"): (
        "-R --recursive --recurse --depth"
    ),
    _Meant(
        "--split", "augcli divides nothing; SOURCE has folders train and val, or a column split"
    ): (
        "--val-split --validation-split --train-split --test-split --test-size --train-size"
        " --val-size --val-ratio --train-ratio --kfold --folds"
    ),
    _Meant("--split", "--split NAME chooses the split that is augmented"): "--subset --partition",
    _Meant("--fit", "--fit contain shows an image whole"): (
        "--keep-aspect --keep-ratio --keep-aspect-ratio --preserve-aspect --letterbox --pad"
        " --padding"
    ),
    _Meant("--background", "--background COLOUR is meant"): (
        "--bg --bg-color --bg-colour --background-color --fillcolor --fill-color --pad-color"
    ),
    _Meant("--include-originals", "--include-originals copy or link has the originals in OUT"): (
        "--originals --original --keep-originals --keep-original --with-originals"
        " --include-original --copy-originals --save-originals"
    ),
    _Meant(
        "--copies", "whoever trains on the outputs shuffles them; --seed N decides what is drawn"
    ): ("--shuffle --no-shuffle"),
    _Meant("--copies", "nothing is trained here: images and labels are written for that"): (
        "--epochs --epoch --lr --learning-rate --optimizer --steps"
    ),
    _Meant("--per-class", "--per-class N makes N outputs for each class"): (
        "--balanced --balance --oversample --upsample --equalize-classes"
    ),
    _Meant(
        "--dense-labels",
        "a table of labels is given as SOURCE, and the labels of outputs stand in"
        f" OUT/{TRAIN}/{MANIFEST}",
    ): "--labels",
    _Meant("SOURCE", "a table of labels is given as SOURCE"): "--labels",
    _Meant("--dense-labels", f"labels are soft, and stand in OUT/{TRAIN}/{MANIFEST}"): (
        "--soft-labels --soft --one-hot --onehot --hard-labels"
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
_INSPECT = "write `augcli inspect SOURCE`"
# What others call a command, and one of `augcli model`.
COMMANDS = {
    **dict.fromkeys(("augment", "run", "create", "make", "start", "apply", "mix"), _GENERATE),
    **dict.fromkeys(("list", "ls", "show", "recipe", "transforms", "policies"), _LIST),
    **dict.fromkeys(("check", "validate", "replay", "repair"), "write `augcli verify OUT`"),
    **dict.fromkeys(("clean", "clear"), "write `augcli cache clean`"),
    **dict.fromkeys(("inspect", "fit-head"), "it belongs to `augcli model`"),
    **dict.fromkeys(
        ("view", "visualize", "visualise", "draw", "sheet", "plot"),
        "write `augcli preview SOURCE --recipe NAME`",
    ),
    **dict.fromkeys(("info", "stats", "describe", "look"), _INSPECT),
    **dict.fromkeys(
        ("train", "fit", "finetune", "eval", "evaluate", "predict"),
        "augcli trains nothing: `augcli generate` writes images and labels for what does",
    ),
    **dict.fromkeys(
        ("download", "fetch", "get", "init", "new", "example", "examples", "quickstart"),
        "nothing is downloaded; `augcli demo` makes a first data set",
    ),
    **dict.fromkeys(
        ("heatmap", "heatmaps", "gradcam", "cam", "maps"), "write `augcli saliency SOURCE OUT`"
    ),
    **dict.fromkeys(("models", "onnx"), "write `augcli model inspect FILE.onnx`"),
    **dict.fromkeys(("status", "diagnose", "env", "debug"), "write `augcli doctor`"),
    **dict.fromkeys(("summary", "summarize", "analyze", "analyse", "count"), _INSPECT),
    "split": "augcli divides no data set; SOURCE has folders train and val, or a column split",
    "resume": "write the command of the run again, with --resume",
    "version": "write `augcli --version`",
    "completion": "write `augcli --install-completion`",
    "config": "write `augcli generate --show-config`",
}
MODEL_COMMANDS = {
    **dict.fromkeys(("show", "info", "look", "describe", "summary", "print"), "inspect MODEL"),
    **dict.fromkeys(("fit", "train", "head"), "fit-head MODEL SOURCE --at NAME --output FILE"),
}


def meaning_of(name: str, own: Collection[str], value: str) -> str:
    """How what another tool's option is for is written here, where the command takes that: `own`
    are its options and arguments; else "". `value` is what stands behind the option."""
    for meant, names in _MEANT.items():
        if meant.option in own and name in names.split():
            out = "behind SOURCE" if "SOURCE" in own else "first"
            return meant.text.format(value=value, out=out)
    return ""
