"""`handflow recover`: a recording that was cut off or damaged -> a whole one with everything that is whole in it."""

from pathlib import Path
from typing import NamedTuple

from handflow.errors import DamagedChunk, RecordingError
from handflow.runtime.files import result_file

from .metadata import RecordingMetadata
from .reader import Recording
from .writer import Recorder


class Recovered(NamedTuple):
    """What came of it."""

    chunks: int  # kept
    lost: list[str]  # what was left out, a line each
    messages: int


def recover(file: Path, out: Path) -> Recovered:
    """Writes all whole chunks of `file`, whatever lies between them, to `out` as a new recording.

    RecordingError, OutputError.
    """
    recording = Recording(file)
    recording.require_ours()
    if out.exists() and out.samefile(file):
        raise RecordingError(f"{out}: is the damaged file itself; give another name after -o")
    lost = [f"bytes {span.start} to {span.end} are nothing that was recorded" for span in recording.damage]
    if recording.cut is not None:
        lost.append(f"breaks off at byte {recording.cut}")
    whole = []
    for chunk in recording.chunks:
        try:
            list(recording.entries_of(chunk))  # also tells the outputs whose definitions were lost
            whole.append(chunk)
        except DamagedChunk:
            lost.append(f"bytes {chunk.start} to {chunk.end} are damaged")
    with result_file(out) as part:
        recorder = Recorder(part, recording.metadata or RecordingMetadata(), list(recording.outputs.values()))
        for chunk in whole:
            for entry in recording.entries_of(chunk):
                recorder.add(entry.output, entry.data, entry.log_ns, entry.publish_ns, entry.sequence)
            recorder.end_chunk()
        recorder.close()
    return Recovered(len(whole), lost, recorder.messages)
