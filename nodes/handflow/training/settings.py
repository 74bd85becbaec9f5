"""What a training is set to: one dataclass; the texts are the help of `handflow train`."""

from dataclasses import dataclass
from typing import Annotated, Literal

# What the machine decides and no recipe: where files go, and on how many processors.
OF_THE_MACHINE = ("out", "init", "pause", "save_minutes", "threads", "workers", "device")


@dataclass(frozen=True)
class Settings:
    """What a training may be told, each as an argument of the command; the help texts stand here."""

    out: Annotated[str, "folder of checkpoint, log and curves"] = "runs/hands"
    minutes: Annotated[float, "training time; the learning rate falls to nothing at its end"] = 60.0
    steps: Annotated[
        int, "end after so many batches instead (0: `minutes` counts); the same steps give the same weights"
    ] = 0
    batch: Annotated[int, "pictures a step; of far's size it gets fewer"] = 16
    lr: Annotated[float, "highest learning rate; a guess that held"] = 2e-3
    lr_before: Annotated[
        float, "share of it for levels that begin from weights of before: they know strangers, and soon forget them"
    ] = 0.015
    frozen: Annotated[int, "levels, from /2 on, that stay as they are where a training begins from weights"] = 2
    decay: Annotated[float, "weight decay of AdamW"] = 0.02
    ema: Annotated[float, "the weights that are kept are a running mean over about 1 / (1 - ema) steps"] = 0.998
    large: Annotated[
        float, "share of steps at far's size: smaller hands in more of their scene, and very large ones"
    ] = 0.4
    sizes: Annotated[str, "width and height of the other steps' pictures; the first of up to four most often"] = (
        "192x128,128x192,160x160,224x128"
    )
    large_sizes: Annotated[str, "of the steps at far's size"] = "352x192,256x256,288x224,224x288"
    target: Annotated[Literal["gauss", "disc"], "disc: 2017's, see the model card for what it costs"] = "gauss"
    loss: Annotated[Literal["quality", "focal", "bce", "mse", "mse255"], "what each is worth: see the model card"] = (
        "quality"
    )
    other_weight: Annotated[
        float, "of hands not open in the open map's loss; 0, as in 2017: they may light up, see card"
    ] = 0.3
    mask: Annotated[bool, "without it, regions to ignore and hands of unknown kind count as background"] = True
    assign_coarse: Annotated[bool, "coarse labels are learned where the network sees a hand near there"] = True
    open_weight: Annotated[float, "of the open map's loss"] = 1.0
    even: Annotated[bool, "a near hand's many cells weigh less, so that far hands count for more"] = False
    parts: Annotated[
        bool,
        "the network also learns heads, elbows, wrists, feet and people, where labelled: they vote (export --votes)",
    ] = False
    parts_weight: Annotated[float, "of their loss"] = 0.3
    mistaken_weight: Annotated[
        float, "of heads, elbows and feet in the any-hand map's loss, which hands are confused with; 1: as all else"
    ] = 3.0
    size_weight: Annotated[float, "of the losses of radius and offset; 0: the maps alone are learned"] = 0.5
    optimizer: Annotated[Literal["adamw", "sgd"], "sgd (momentum 0.9) for comparison"] = "adamw"
    prior: Annotated[bool, "the network also takes a map of where hands are expected"] = False
    init: Annotated[str, "weights to begin from: of the packaged model, an fp32 model file or a checkpoint; none"] = (
        "hands"
    )
    rendered: Annotated[float, "share of samples that show rendered people, where there are any"] = 0.3
    save_minutes: Annotated[float, "a checkpoint is written every so many"] = 2.0
    pause: Annotated[str, "training waits while there is a file of this name"] = ""
    teachers: Annotated[
        str, "model files, FILE,FILE, whose maps of each sample are learned: ours, or MediaPipe's palm detector"
    ] = ""
    teaching: Annotated[float, "share of steps in which they look; the palm detector takes 170 ms a sample"] = 1.0
    teachers_zoom: Annotated[
        float, "how much larger than the network they see a sample: what is small to it is larger to them"
    ] = 1.0
    teachers_weight: Annotated[
        float, "of the loss against them; of a teacher that knows nearly the same, 200 weigh a third of the labels"
    ] = 1.0
    mixing: Annotated[float, "of these steps, the share in which two samples are laid over each other"] = 0.25
    holdout: Annotated[float, "share of the groups kept for the validation loss"] = 0.05
    fold: Annotated[int, "which of the shares is kept: with holdout 0.05, one of twenty"] = 0
    seed: Annotated[int, "of weights and samples"] = 1
    threads: Annotated[int, "of torch"] = 1
    workers: Annotated[int, "processes that make samples"] = 1
    device: Annotated[str, "cpu, cuda or mps; auto: a GPU where there is one"] = "auto"
    bf16: Annotated[bool, "half the time per step on processors with AMX and on GPUs"] = False
    widths: Annotated[str, "channels at /2 /4 /8 /16 /32"] = "32,64,128,256,256"
    blocks: Annotated[str, "residual blocks there, beside those that halve"] = "4,4,4,4,4"
    neck: Annotated[int, "channels of the pyramid; 48 took a fifth longer"] = 32
