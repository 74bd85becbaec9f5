"""The programs that ours is measured beside, each in an environment of its own, made when it is first asked for."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from handflow.errors import PeerError

CACHE = Path.home() / ".cache" / "handflow" / "peers"
CANDIDATES = Path(__file__).parent / "candidates"
PACKAGES = {  # what pip is given; fixed, so that figures can be compared
    "ezmsg": ["ezmsg==3.9.0", "numpy"],
    "dora": ["dora-rs==1.1.0", "dora-rs-cli==1.1.0", "numpy"],
    "zenoh": ["eclipse-zenoh==1.10.2", "numpy"],
    "imagezmq": ["imagezmq==1.2.0", "numpy"],
    # Its last one with the hands solution as most people use it; wants an old numpy.
    "mediapipe": ["mediapipe==0.10.21"],
}
SCRIPTS = {
    "ezmsg": CANDIDATES / "ezmsg_units.py",
    "dora": CANDIDATES / "dora_node.py",
    "zenoh": CANDIDATES / "zenoh_peers.py",
    "imagezmq": CANDIDATES / "imagezmq_pair.py",
    "mediapipe": CANDIDATES / "mediapipe_hands.py",
}


def command(peer: str, say: Callable[[str], None], cache: Path = CACHE) -> list[str]:
    """What runs the peer's script, its environment made if need be. PeerError."""
    folder = cache / peer
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    made = folder / "packages"  # written last: an environment without it is half made
    wanted = "\n".join(PACKAGES[peer])
    if not made.exists() or made.read_text() != wanted:
        say(f"{peer}: {', '.join(PACKAGES[peer])} into {folder}")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], peer)
        _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES[peer]], peer)
        made.write_text(wanted)
    return [str(python), str(SCRIPTS[peer])]


def _run(arguments: list[str], peer: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise PeerError(f"{peer} cannot be installed here: {last}")
