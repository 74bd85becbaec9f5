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
class Picture:
    number: int
    sent_ns: int
    image: np.ndarray


class Settings(ez.Settings):
    case: str
    name: str = ""


class Source(ez.Unit):
    SETTINGS = Settings
    OUTPUT = ez.OutputStream(Picture)

    @ez.publisher(OUTPUT)
    async def send(self) -> AsyncGenerator:
        feed = measure.Source(measure.read(self.SETTINGS.case))
        image = np.empty(feed.case.shape, np.uint8)
        for number, wait_s in feed.due():
            await asyncio.sleep(wait_s)
            feed.draw(number, image)
            yield self.OUTPUT, Picture(number, time.monotonic_ns(), image)
        await asyncio.sleep(600)


class Relay(ez.Unit):
    INPUT = ez.InputStream(Picture)
    OUTPUT = ez.OutputStream(Picture)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def send_on(self, picture: Picture) -> AsyncGenerator:
        yield self.OUTPUT, picture


class Sink(ez.Unit):
    SETTINGS = Settings
    INPUT = ez.InputStream(Picture)

    async def initialize(self) -> None:
        self.sink = measure.Sink(measure.read(self.SETTINGS.case), self.SETTINGS.name)

    @ez.subscriber(INPUT)
    async def read(self, picture: Picture) -> None:
        self.sink.take(picture.number, time.monotonic_ns() - picture.sent_ns, picture.image)


if __name__ == "__main__":
    file = sys.argv[1]
    case = measure.read(file)
    units = {"SOURCE": Source(Settings(file))}
    connections = []
    before = units["SOURCE"]
    for hop in range(case.hops - 1):
        units[f"RELAY{hop}"] = Relay()
        connections.append((before.OUTPUT, units[f"RELAY{hop}"].INPUT))
        before = units[f"RELAY{hop}"]
    for reader in range(case.readers):
        units[f"SINK{reader}"] = Sink(Settings(file, f"sink{reader}"))
        connections.append((before.OUTPUT, units[f"SINK{reader}"].INPUT))
    ez.run(components=units, connections=connections, process_components=tuple(units.values()))
