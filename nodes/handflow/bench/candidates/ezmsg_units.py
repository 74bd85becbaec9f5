"""ezmsg: a unit a process, as its own examples have it. python ezmsg_units.py CASE"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import ezmsg.core as ez
import measure
import numpy as np


@dataclass
class EzmsgPicture:
    """A drawn picture, with its number and when it was sent."""

    number: int
    sent_ns: int
    image: np.ndarray


class EzmsgSettings(ez.Settings):
    """The case's file, and the name of a reader."""

    case: str
    name: str = ""


class EzmsgSource(ez.Unit):
    """Sends drawn pictures at their times."""

    SETTINGS = EzmsgSettings
    OUTPUT = ez.OutputStream(EzmsgPicture)

    @ez.publisher(OUTPUT)
    async def send(self) -> AsyncGenerator:
        feed = measure.PictureFeed(measure.read(self.SETTINGS.case))
        image = np.empty(feed.case.shape, np.uint8)
        for number, wait_s in feed.due():
            await asyncio.sleep(wait_s)
            feed.draw(number, image)
            yield self.OUTPUT, EzmsgPicture(number, time.monotonic_ns(), image)
        await asyncio.sleep(600)


class EzmsgRelay(ez.Unit):
    """Sends on what it reads."""

    INPUT = ez.InputStream(EzmsgPicture)
    OUTPUT = ez.OutputStream(EzmsgPicture)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def send_on(self, picture: EzmsgPicture) -> AsyncGenerator:
        yield self.OUTPUT, picture


class EzmsgSink(ez.Unit):
    """Notes how long each picture took."""

    SETTINGS = EzmsgSettings
    INPUT = ez.InputStream(EzmsgPicture)

    async def initialize(self) -> None:
        self.sink = measure.ReaderNotes(measure.read(self.SETTINGS.case), self.SETTINGS.name)

    @ez.subscriber(INPUT)
    async def read(self, picture: EzmsgPicture) -> None:
        self.sink.take(picture.number, time.monotonic_ns() - picture.sent_ns, picture.image)


if __name__ == "__main__":
    file = sys.argv[1]
    case = measure.read(file)
    units = {"SOURCE": EzmsgSource(EzmsgSettings(file))}
    connections = []
    before = units["SOURCE"]
    for hop in range(case.hops - 1):
        units[f"RELAY{hop}"] = EzmsgRelay()
        connections.append((before.OUTPUT, units[f"RELAY{hop}"].INPUT))
        before = units[f"RELAY{hop}"]
    for reader in range(case.readers):
        units[f"SINK{reader}"] = EzmsgSink(EzmsgSettings(file, f"sink{reader}"))
        connections.append((before.OUTPUT, units[f"SINK{reader}"].INPUT))
    ez.run(components=units, connections=connections, process_components=tuple(units.values()))
