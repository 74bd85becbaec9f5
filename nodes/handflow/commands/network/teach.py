"""`handflow teach LABELS -o OUT.jsonl`: labels as two larger networks see them.

MediaPipe's palm detector looks for hands at several sizes, and its hand landmarks check each: boxes guessed from
joints become tight, hands that nobody labelled are added, what may be one is ignored. Stopped, it goes on where it
was. Both files are of the wheel mediapipe 0.10.21 (Apache-2.0), converted by tf2onnx: see
training/teaching/palm_detector.py.
"""

import argparse
from pathlib import Path

import cv2

from handflow.errors import SetupError
from handflow.training.progress import wait_while_paused
from handflow.training.teaching.hand_teacher import HandTeacher
from handflow.training.teaching.relabel import relabel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", nargs="+", metavar="LABELS", help="label files (JSON lines) or folders of them")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="label file to write")
    parser.add_argument("--palm", required=True, metavar="FILE", help="the palm detector, as ONNX")
    parser.add_argument("--landmarks", required=True, metavar="FILE", help="the hand landmarks' network, as ONNX")
    parser.add_argument("--pause", default="", metavar="FILE", help="waits while there is a file of this name")


def run(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    out, paths = Path(args.out), [Path(path) for path in args.labels]
    for path in [*paths, Path(args.palm), Path(args.landmarks)]:
        if not path.exists():
            raise SetupError(f"{path}: no such file or folder")
    teacher = HandTeacher(Path(args.palm), Path(args.landmarks))
    changes = relabel(paths, out, teacher, lambda: wait_while_paused(args.pause))
    print(f"{out}: {', '.join(f'{count} {how}' for how, count in sorted(changes.items())) or 'nothing changed'}")
    return 0
