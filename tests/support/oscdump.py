"""liblo's receiver, as a program of its own."""

import shutil
import socket
import subprocess
import time


class Dump:
    """liblo's oscdump on a free port: what it prints, without its time tags."""

    def __init__(self) -> None:
        program = shutil.which("oscdump")
        assert program, "oscdump is missing: apt-get install liblo-tools"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([program, "-L", str(self.port)], stdout=subprocess.PIPE, text=True)

    def lines(self, last: str) -> list[str]:
        """All lines up to the one that starts with `last`, but for the knocking."""
        assert self.process.stdout
        found = []
        for line in self.process.stdout:
            found.append(line.split(" ", 1)[1].rstrip())
            if found[-1].startswith(last):
                break
        return [line for line in found if not line.startswith("/knock")]

    def knock(self) -> None:
        """Waits until it listens."""
        message = b"/knock\0\0,\0\0\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.port))
            for _ in range(500):
                try:
                    probe.send(message)
                    time.sleep(0.01)
                    probe.send(message)
                    return
                except ConnectionRefusedError:
                    time.sleep(0.01)
        raise AssertionError("oscdump does not listen")
