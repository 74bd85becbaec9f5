"""The command line: one table of verbs; each is a module of `commands`, which is imported when it is asked for."""

import argparse
import importlib
import sys

from handflow import __version__
from handflow.commands._arguments import NameParser
from handflow.commands._console import complain, escape_names
from handflow.commands._standard_streams import Use, finish, protect
from handflow.runtime.names import restart_in_utf8
from handflow.runtime.refusal import REFUSALS, line_of_refusal

from .errors import GraphError, ReaderGone, RunError, SetupError

# Group of `handflow --help` -> verb -> (module of `commands`, what it does).
VERBS = {
    "run and watch": {
        "run": ("running.run", "starts every process of a graph and watches over them"),
        "top": ("running.top", "shows the table of a running graph"),
        "set": ("running.set", "changes a setting of a running graph"),
        "get": ("running.get", "shows the settings of a running graph"),
        "save": ("running.save", "writes the running graph's settings into a graph file, comments kept"),
        "swap": ("running.swap", "replaces a running stage by another, started before the change-over"),
        "detect": ("running.detect", "finds hands in pictures, folders and clips: every frame, no pacing"),
    },
    "record and replay": {
        "record": ("recording.record", "records the running graph; with a source, or when none runs, runs one itself"),
        "replay": ("recording.replay", "plays a recording: recorded outputs stand in for their nodes, the rest runs"),
        "info": ("recording.info", "says what is in a recording: outputs, rates, gaps, and how it was made"),
        "convert": ("recording.convert", "recording -> .mp4, .webp, .gif, .csv, Foxglove's .mcap; video -> recording"),
        "diff": ("recording.diff", "compares the hands of two recordings of the same input; exit 1 past a tolerance"),
        "recover": ("recording.recover", "makes a whole recording of one that was cut off or damaged"),
    },
    "your own network": {
        "annotate": ("network.annotate", "a page to label the hands in clips and pictures of your own"),
        "teach": ("network.teach", "labels pictures anew, as larger networks see them"),
        "train": ("network.train", "trains the network on labelled pictures, or by a recipe"),
        "evaluate": ("network.evaluate", "scores a model on labelled pictures and clips"),
        "export": ("network.export", "writes a trained network as ONNX models"),
        "synthesize": ("network.synthesize", "renders people with labelled hands: in one's own place, or a drawn one"),
    },
    "setting up": {
        "new": ("setup.new", "a folder with a node of your own, its graph and a test, ready to run"),
        "check": ("setup.check", "says everything that is wrong with a graph, without a camera"),
        "graph": ("setup.graph", "prints a graph as Mermaid text"),
        "calibrate": ("setup.calibrate", "a page to draw a surface's corners and zones, and regions, on the picture"),
        "gestures": (
            "setup.gestures",
            "teach: a gesture of your own, from clips that show it; draw: pictures of those that are known",
        ),
        "key": ("setup.key", "makes the key with which a graph's machines talk to each other"),
    },
    "an installation": {
        "doctor": ("installing.doctor", "says what this machine has and lacks: cameras, ports, processor, clock, disk"),
        "cameras": ("installing.cameras", "which cameras open, the sizes and rates they really give, their controls"),
        "deploy": ("installing.deploy", "writes what systemd, Compose, Kubernetes or dora runs the graph's nodes by"),
        "service": ("installing.service", "install, status, remove: the graph starts with the machine, by systemd"),
    },
    "debugging": {
        "monitor": ("debugging.monitor", "shows what OSC and TUIO arrives, and what is wrong with it"),
        "simulate": ("debugging.simulate", "sends made-up hands, without a camera or a network"),
        "trace": ("debugging.trace", "what each stage of a running graph did when, for ui.perfetto.dev"),
        "node": ("debugging.node", "runs one node of a graph alone, in the foreground"),
        "bench": ("debugging.bench", "measures the transport, the stages and the whole graph on this machine"),
    },
}
# What their standard output is to verbs; to all others it is what was asked for.
USES = {
    **dict.fromkeys(("run", "record", "replay", "simulate", "node", "annotate", "calibrate", "train"), Use.LOG),
    **dict.fromkeys(("top", "monitor"), Use.WATCHING),
}
EXAMPLES = """examples:
  handflow run                                  the camera, or the demo if there is none; TUIO to 127.0.0.1:3333
  handflow detect clip.mp4 --video drawn.mp4    a clip with the hands drawn on it
  handflow monitor                              what a game on this machine receives"""
SYSTEM_LIBRARIES = ("libGL", "libgthread", "libglib")  # what opencv-python's wheel does not bring
EXTRAS = {  # module that is missing -> what needs it, and the extra that brings it
    **dict.fromkeys(("torch", "onnx", "matplotlib"), ("training", "train")),
    **dict.fromkeys(("mcap_protobuf", "foxglove_schemas_protobuf", "google"), ("converting", "video")),
    **dict.fromkeys(("dora", "pyarrow"), ("a node under dora", "dora")),
    **dict.fromkeys(("moderngl", "glcontext"), ("drawing people", "synthetic")),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status: 0 done or stopped, 2 a usage or graph error, 1 any other failure.

    Without `arguments` it is a process of its own, with theirs.
    """
    if arguments is None:
        restart_in_utf8()
        protect(use_of(sys.argv[1:]))
    escape_names()
    try:
        try:
            args = parsed(sys.argv[1:] if arguments is None else arguments)
            return args.do(args)
        finally:
            finish()
    except GraphError as error:
        complain(*error.lines)
        return 2
    except (SetupError, RunError) as error:
        complain(*[str(error)] if str(error) else [])
        return 1
    except ImportError as error:
        complain(missing(error))
        return 1
    except REFUSALS as error:
        complain(line_of_refusal(error))
        return 1
    except (KeyboardInterrupt, ReaderGone):
        return 0


def use_of(arguments: list[str]) -> Use:
    """What standard output is to a command. A view that is asked for once is a result."""
    use = USES.get("".join(arguments[:1]), Use.RESULT)
    once = "--once" in arguments or (arguments[:1] == ["top"] and "--json" in arguments)
    return Use.RESULT if use is Use.WATCHING and once else use


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The arguments of a verb, and what to `do` with them: its module's `run`."""
    verbs = {verb: module for group in VERBS.values() for verb, (module, _) in group.items()}
    verb = next((word for word in arguments[:1] if word in verbs), None)
    if verb is None:
        return overview().parse_args(arguments)
    module = importlib.import_module(f".commands.{verbs[verb]}", __package__)
    parser = NameParser(
        f"handflow {verb}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    parser.set_defaults(do=module.run)
    return parser.parse_args(arguments[1:])


def overview() -> argparse.ArgumentParser:
    """What `handflow --help` shows, and what says that a verb is missing or unknown."""
    groups = [
        "\n".join([f"{group}:", *(f"  {verb:<11}{what}" for verb, (_, what) in verbs.items())])
        for group, verbs in VERBS.items()
    ]
    parser = argparse.ArgumentParser(
        "handflow",
        usage="handflow VERB [argument …]; handflow VERB --help",
        description="\n\n".join([sys.modules[__package__].__doc__ or "", *groups, EXAMPLES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    known = [verb for verbs in VERBS.values() for verb in verbs]
    parser.add_argument("verb", metavar="VERB", choices=known, help=argparse.SUPPRESS)
    return parser


def missing(error: ImportError) -> str:
    """An import that failed, as what to install."""
    if any(library in str(error) for library in SYSTEM_LIBRARIES):
        return f"opencv-python needs libraries of the system: apt-get install libgl1 libglib2.0-0 ({error})"
    package = (error.name or "").split(".")[0]
    if package in EXTRAS:
        purpose, extra = EXTRAS[package]
        return f"{package} is missing, which {purpose} needs: pip install 'handflow[{extra}]'"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
