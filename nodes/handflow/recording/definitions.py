"""What a recording says of its channels: which node or topic each is, and of what kind its messages are."""

from io import BytesIO

import msgpack
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from .channels import STATUS, RecordedOutput
from .writer import PROFILE


class Definitions:
    """The schemas and channels of a file, as they are come across; the first of a number holds."""

    def __init__(self) -> None:
        self.outputs: dict[str, RecordedOutput] = {}
        self.nameless = False  # whether a channel does not say what is in it
        self._channels: dict[int, RecordedOutput] = {}
        self._schemas: dict[int, Schema] = {}

    def add(self, opcode: int, content: bytes | memoryview) -> None:
        """Takes in a record, if it is a schema or a channel and whole."""
        try:
            if opcode == Opcode.SCHEMA:
                schema = Schema.read(stream(content))
                self._schemas[schema.id] = schema
            elif opcode == Opcode.CHANNEL:
                channel = Channel.read(stream(content))
                if channel.id not in self._channels:
                    self._add_channel(channel)
        except (ValueError, McapError):
            return

    def output_of(self, channel: int, data: memoryview) -> RecordedOutput:
        """The output of a message; where its channel's definition is lost, `data` says what it is and who sent it."""
        if channel in self._channels:
            return self._channels[channel]
        try:
            packed = msgpack.unpackb(data)
            output = RecordedOutput(packed["hops"][-1][0], packed["type"])
        except (ValueError, KeyError, IndexError, TypeError, msgpack.UnpackException):
            output = RecordedOutput(STATUS, "")
        self._set(channel, output)
        return output

    def _add_channel(self, channel: Channel) -> None:
        schema = self._schemas.get(channel.schema_id)
        named = schema.name.removeprefix(f"{PROFILE}.") if schema else ""
        kind, run = channel.metadata.get("kind", named), channel.metadata.get("run", "")
        output = RecordedOutput(channel.topic, kind, run, "", channel.message_encoding)
        if output.foreign:
            self._set(channel.id, output._replace(kind=kind or channel.message_encoding, definition=schema))
        elif kind or output.name == STATUS:
            self._set(channel.id, output._replace(schema=schema.data.decode() if schema else ""))
        else:
            self.nameless = True

    def _set(self, channel: int, output: RecordedOutput) -> None:
        self.outputs[output.name] = self._channels[channel] = output


def stream(content: bytes | memoryview) -> ReadDataStream:
    """What the MCAP library reads a record from."""
    return ReadDataStream(BytesIO(content))
