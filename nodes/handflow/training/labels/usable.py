"""Lines of label files -> labelled pictures: each checked against its picture; what cannot be used is left out."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from handflow.errors import LabelError

from .foreign.foreign_formats import ForeignLine
from .images import first_frame
from .line import HandLabel, LabelLine, check_hand, check_place, check_size
from .omissions import Omissions
from .picture_files import is_ambiguous, uprighted
from .pictures import LabelledPicture, path_of, picture_at


def usable(lines: Iterable[ForeignLine], omissions: Omissions) -> Iterator[LabelledPicture]:
    """The pictures of those lines that are right; boxes that are not are taken out of them. Raises LabelError."""
    bad_clips: dict[Path, str] = {}
    ambiguous: list[Path] = []
    for foreign in lines:
        line, where = foreign.line, foreign.where
        before = omissions["box"]
        with omissions.guarding("picture", where, "labels"):
            path = path_of(line, where, foreign.file, foreign.clip)
            line.hands = [hand for hand in line.hands if omissions.accepts("box", partial(check_hand, hand, where))]
            # Rendered pictures are ours, and too many to open each.
            if line.frame is None and not line.rendered:
                line = uprighted(line, path)
                ambiguous += [path] if is_ambiguous(path) else []
            check_size(line, where)
            if line.frame is not None and path not in bad_clips:
                bad_clips[path] = unlike(path, line.width, line.height)
            if line.frame is not None and bad_clips[path]:
                raise LabelError(f"{where}: {bad_clips[path]}")
            line.hands = [
                hand for hand in line.hands if omissions.accepts("box", partial(check_place, hand, line, where))
            ]
            drop_copies(line, where, omissions)
            if (foreign.lost or omissions["box"] > before) and not line.hands:
                # With no box left it would say that there is no hand in it.
                raise LabelError(f"{where}: none of its boxes can be used")
            yield picture_at(path, line, foreign.file, foreign.clip)
    if ambiguous:
        omissions.note(
            f"{ambiguous[0]}: its EXIF turns or mirrors it and its size does not show that: labels are taken as drawn "
            f"on the picture as viewers show it ({len(ambiguous)} of such pictures)"
        )


def drop_copies(line: LabelLine, where: str, omissions: Omissions) -> None:
    """Leaves out boxes of other programs that stand there twice. LabelError."""
    kept: list[HandLabel] = []
    for hand in line.hands:
        if hand.labelled_by == "class" and any((hand.box, hand.kind) == (other.box, other.kind) for other in kept):
            omissions.leave_out("box", f"{where}: the same hand twice, at {[round(value, 1) for value in hand.box]}")
        else:
            kept.append(hand)
    line.hands = kept


def unlike(clip: Path, width: int, height: int) -> str:
    """What is wrong with a clip whose labels say this size; nothing if it has it."""
    try:
        found_height, found_width = first_frame(clip).shape[:2]
    except LabelError as error:
        return str(error)
    if (width, height) == (found_width, found_height):
        return ""
    return f"expected a clip of {width}x{height}, got {found_width}x{found_height}: {clip}"
