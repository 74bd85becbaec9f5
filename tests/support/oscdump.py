"""liblo's receiver, as a program of its own."""

import shutil
import socket
import subprocess
import time

from .needed import need


class Dump:
    """liblo's oscdump on a free port: what it prints, without its time tags."""

    def __init__(self) -> None:
        program = shutil.which("oscdump")
        need(program, "oscdump: apt-get install liblo-tools")
        assert program
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self.process = subprocess.Popen([program, "-L", str(self.port)], stdout=subprocess.PIPE, text=True)
            assert self.process.stdout
            self._knock()
            if self.process.stdout.readline():
                break
            # It has ended, for somebody else took the port meanwhile.
            self.process.wait()
            self.process.stdout.close()

    def lines(self, last: str) -> list[str]:
        """All lines up to the one that starts with `last`, but for the knocking."""
        assert self.process.stdout
        found = []
        for line in self.process.stdout:
            found.append(line.split(" ", 1)[1].rstrip())
            if found[-1].startswith(last):
                break
        return [line for line in found if not line.startswith("/knock")]

    def _knock(self) -> None:
        """Waits until it listens, or has ended."""
        message = b"/knock\0\0,\0\0\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.port))
            while self.process.poll() is None:
                try:
                    probe.send(message)
                    time.sleep(0.01)
                    probe.send(message)
                    return
                except ConnectionRefusedError:
                    time.sleep(0.01)
