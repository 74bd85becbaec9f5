"""The lines that a page shows of a running graph."""

from handflow.runtime.process.line_log import KEPT_LINES, LineLog


def test_lines_are_said_and_remembered_without_passwords() -> None:
    said: list[str] = []
    log = LineLog()
    say = log.remembering(said.append)
    say("camera: rtsp://me:secret@10.0.0.2/a is lost")
    say("tracker: hello")
    assert said[1] == "tracker: hello"
    assert [line["text"] for line in log.after(1)] == ["tracker: hello"]
    assert "secret" not in log.after(0)[0]["text"]


def test_the_oldest_lines_are_forgotten_and_numbers_go_on() -> None:
    log = LineLog()
    say = log.remembering(lambda text: None)
    for number in range(KEPT_LINES + 5):
        say(str(number))
    lines = log.after(0)
    assert (len(lines), lines[0]["number"], lines[-1]["number"]) == (KEPT_LINES, 6, KEPT_LINES + 5)
