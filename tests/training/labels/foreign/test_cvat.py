"""Labels of CVAT, as `train` and `evaluate` read them, good and bad."""

import pytest
from support.labels import boxes, draw, film, kinds, write

from handflow.errors import LabelError
from handflow.training.labels.data import read_labels
from handflow.training.targets import OPEN, OTHER, UNKNOWN

BOX = 'xtl="10" ytl="20" xbr="40" ybr="60"'


def cvat(path, inner, meta=""):
    return write(path, f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><meta>{meta}</meta>{inner}</annotations>')


def test_cvats_pictures_are_read_with_their_shapes(tmp_path):
    draw(tmp_path / "images" / "a.png")
    shapes = f'<box label="open hand" {BOX}/><ellipse label="fist" cx="100" cy="50" rx="10" ry="20"/><tag label="x"/>'
    shapes += '<polygon label="hand" points="150,20;180,30;160,60"><attribute name="kind">open</attribute></polygon>'
    cvat(tmp_path / "annotations.xml", f'<image id="0" name="a.png" width="200" height="100">{shapes}</image>')
    pictures = read_labels([tmp_path])
    assert kinds(pictures) == [[OPEN, OTHER, OPEN]]
    assert boxes(pictures) == [[[10, 20, 30, 40], [90, 30, 20, 40], [150, 20, 30, 40]]]


META = """<task><name>wave</name><size>6</size><source>wave.mp4</source>
<start_frame>0</start_frame><stop_frame>5</stop_frame>
<original_size><width>200</width><height>100</height></original_size></task>"""
TRACK = """<track id="0" label="hand">
<box frame="1" outside="0" keyframe="1" xtl="10" ytl="20" xbr="40" ybr="60"/>
<box frame="3" outside="0" keyframe="1" xtl="30" ytl="20" xbr="60" ybr="60"/>
<box frame="4" outside="1" keyframe="1" xtl="30" ytl="20" xbr="60" ybr="60"/></track>"""


def test_cvats_tracks_move_evenly_between_key_frames(tmp_path):
    film(tmp_path / "wave.mp4", 6)
    frames = read_labels([cvat(tmp_path / "annotations.xml", TRACK, META)])
    assert [f.frame for f in frames] == [0, 1, 2, 3, 4, 5]
    assert boxes(frames) == [[], [[10, 20, 30, 40]], [[20, 20, 30, 40]], [[30, 20, 30, 40]], [], []]
    assert [f.ids for f in frames[1:4]] == [["track 0"]] * 3
    assert abs(frames[4].read().mean() - 160) < 8
    assert len({f.group for f in frames}) == 1


def test_cvats_clip_may_have_been_exported_as_pictures(tmp_path):
    for number in range(6):
        draw(tmp_path / "images" / f"frame_{number:06d}.png")
    frames = read_labels([cvat(tmp_path / "annotations.xml", TRACK, META)])
    assert [f.path.name for f in frames] == [f"frame_{n:06d}.png" for n in range(6)]
    assert kinds(frames) == [[], [UNKNOWN], [UNKNOWN], [UNKNOWN], [], []]


@pytest.mark.parametrize(
    ("inner", "meta", "said"),
    [
        ('<image id="0" name="a.png" width="200"></image>', "", "not as CVAT has it: KeyError 'height'"),
        (
            f'<image name="a.png" width="200" height="100"><box label="mano" {BOX}/></image>',
            "",
            r"a\.png: unknown kind 'mano'",
        ),
        (
            '<image name="a.png" width="200" height="100"><points label="hand" points="1,2"/></image>',
            "",
            r"a\.png: box \[1\.0, 2\.0, 0\.0, 0\.0\] is empty",
        ),
        ('<image name="b.png" width="200" height="100"></image>', "", r"no such picture: .*b\.png"),
        (
            '<image name="a.png" width="90" height="50"><box label="hand" xtl="95" ytl="2" xbr="99" ybr="6"/></image>',
            "",
            "lies outside its picture of 90x50",
        ),
        (TRACK, META, r"wave\.mp4: no such clip: .*wave\.mp4, nor its frames as pictures"),
    ],
)
def test_a_bad_cvat_file_is_named(tmp_path, inner, meta, said):
    draw(tmp_path / "a.png", 90, 50) if "90" in inner else draw(tmp_path / "a.png")
    with pytest.raises(LabelError, match=said):
        read_labels([cvat(tmp_path / "annotations.xml", inner, meta)])


def test_xml_that_is_not_whole_or_not_cvats_is_refused(tmp_path):
    with pytest.raises(LabelError, match="not whole XML"):
        read_labels([write(tmp_path / "a.xml", "<annotations>")])
    with pytest.raises(LabelError, match="expected CVAT's <annotations>, got <svg>"):
        read_labels([write(tmp_path / "a.xml", "<svg/>")])


def image(shapes, name="a.png"):
    return f'<image id="0" name="{name}" width="200" height="100">{shapes}</image>'


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        # Clockwise about the middle, as CVAT's canvas turns it; and the box around it.
        ('<box label="hand" xtl="40" ytl="40" xbr="120" ybr="60" rotation="90.00"/>', [70, 10, 20, 80]),
        ('<box label="hand" xtl="80" ytl="40" xbr="120" ybr="80" rotation="45"/>', [71.72, 31.72, 56.57, 56.57]),
        ('<box label="hand" xtl="80" ytl="40" xbr="120" ybr="60" rotation="330"/>', [77.68, 31.34, 44.64, 37.32]),
        ('<ellipse label="hand" cx="100" cy="50" rx="40" ry="10" rotation="90"/>', [90, 10, 20, 80]),
        ('<ellipse label="hand" cx="100" cy="50" rx="30" ry="30" rotation="33"/>', [70, 20, 60, 60]),
        ('<polyline label="hand" points="10,20;30,25;20,60"/>', [10, 20, 20, 40]),
        ('<points label="hand" points="10,20;30,25;20,60"/>', [10, 20, 20, 40]),
        ('<mask label="hand" rle="3, 2, 3, 2, 2" left="10" top="20" width="4" height="3"/>', [10, 20, 4, 3]),
        ('<mask label="hand" rle="5, 2, 5" left="10" top="20" width="4" height="3"/>', [11, 21, 2, 1]),
        (
            '<cuboid label="hand" xtl1="20" ytl1="30" xbl1="20" ybl1="60" xtr1="50" ytr1="30" xbr1="50" ybr1="60" '
            'xtl2="60" ytl2="25" xbl2="60" ybl2="55" xtr2="30" ytr2="25" xbr2="30" ybr2="55"/>',
            [20, 25, 40, 35],
        ),
        (
            '<skeleton label="hand"><points label="1" outside="0" occluded="1" points="10,20"/>'
            '<points label="2" outside="0" points="30,60"/><points label="3" outside="1" points="190,90"/></skeleton>',
            [10, 20, 20, 40],
        ),
    ],
)
def test_each_shape_is_the_box_around_it(tmp_path, shape, box):
    draw(tmp_path / "a.png")
    assert boxes(read_labels([cvat(tmp_path / "annotations.xml", image(shape))])) == [[box]]


def test_a_skeleton_of_21_points_is_landmarks_too(tmp_path):
    draw(tmp_path / "a.png")
    points = "".join(f'<points label="{n}" outside="0" points="{50 + n},{40 + n}"/>' for n in range(21))
    (picture,) = read_labels([cvat(tmp_path / "a.xml", image(f'<skeleton label="hand">{points}</skeleton>'))])
    assert picture.polygons[0].tolist() == [[50 + n, 40 + n] for n in range(21)]


def test_a_turned_box_turns_the_shorter_way_between_key_frames(tmp_path):
    film(tmp_path / "wave.mp4", 6)
    corners = 'xtl="80" ytl="40" xbr="120" ybr="60"'
    track = f"""<track id="0" label="hand"><box frame="0" outside="0" keyframe="1" {corners} rotation="350"/>
    <box frame="2" outside="0" keyframe="1" {corners} rotation="10"/>
    <box frame="3" outside="1" keyframe="1" {corners}/></track>"""
    frames = read_labels([cvat(tmp_path / "annotations.xml", track, META)])
    assert boxes(frames)[1] == [[80, 40, 40, 20]]


def test_a_tracked_skeleton_is_there_while_its_points_are(tmp_path):
    film(tmp_path / "wave.mp4", 6)

    def skeleton(frame, outside):
        points = "".join(
            f'<points label="{n}" keyframe="1" outside="{outside}" occluded="0" points="{10 + 20 * n},{20 + 30 * n}"/>'
            for n in range(2)
        )
        return f'<skeleton frame="{frame}" keyframe="1" z_order="0">{points}</skeleton>'

    track = f'<track id="0" label="hand">{skeleton(1, 0)}{skeleton(2, 0)}{skeleton(3, 1)}</track>'
    frames = read_labels([cvat(tmp_path / "annotations.xml", track, META)])
    assert boxes(frames) == [[], [[10, 20, 20, 30]], [[10, 20, 20, 30]], [], [], []]


def task(number, source, size, start=0, stop="", step="", subset=""):
    return f"""<task><id>{number}</id><size>{size}</size><subset>{subset}</subset><start_frame>{start}</start_frame>
    <stop_frame>{stop}</stop_frame><frame_filter>{step}</frame_filter><source>{source}</source>
    <original_size><width>200</width><height>100</height></original_size></task>"""


def track(number, frame, x):
    box = f'occluded="0" xtl="{x}" ytl="20" xbr="{x + 30}" ybr="60"'
    return f"""<track id="0" label="hand" task_id="{number}"><box frame="{frame}" outside="0" keyframe="1" {box}/>
    <box frame="{frame + 1}" outside="1" keyframe="1" {box}/></track>"""


def test_a_projects_tasks_are_numbered_one_after_the_other(tmp_path):
    """Of each subset by itself, after start_frame + step x size of those before (CVAT's _init_task_frame_offsets)."""
    for name in ("a", "b", "c"):
        film(tmp_path / f"{name}.mp4", 6)
    tasks = [task(3, "c.mp4", 3, subset="test"), task(1, "a.mp4", 2, 2, 4, "step=2"), task(2, "b.mp4", 3)]
    meta = f"<project><tasks>{''.join(tasks)}</tasks></project>"
    tracks = track(1, 4, 10) + track(2, 6 + 1, 50) + track(3, 2, 100)
    frames = read_labels([cvat(tmp_path / "annotations.xml", tracks, meta)])
    seen = {(f.path.name, f.frame): boxes([f])[0] for f in frames}
    assert {key: box for key, box in seen.items() if box} == {
        ("a.mp4", 4): [[10, 20, 30, 40]],
        ("b.mp4", 1): [[50, 20, 30, 40]],
        ("c.mp4", 2): [[100, 20, 30, 40]],
    }
    assert len(seen) == 2 + 3 + 3
    assert len({f.group for f in frames}) == 3


def test_what_is_of_no_task_or_no_frame_is_left_out(tmp_path, capsys):
    film(tmp_path / "a.mp4", 3)
    meta = f"<project><tasks>{task(1, 'a.mp4', 3)}{task(2, 'b.mp4', 3)}</tasks></project>"
    tracks = track(1, 0, 10) + track(7, 1, 10) + track(1, 40, 10) + track(2, 4, 10)
    frames = read_labels([cvat(tmp_path / "annotations.xml", tracks, meta)])
    assert boxes(frames) == [[[10, 20, 30, 40]], [], []]
    told = capsys.readouterr().err
    assert "track 0: expected the id of a task in <meta>, got 7; left out" in told
    assert "frame 40: not a frame of a.mp4, which are 0 to 2; left out" in told
    assert "b.mp4: no such clip:" in told
    assert "left out of the labels: 2 boxes, 3 pictures" in told


def test_clips_of_one_name_are_not_taken_for_each_other(tmp_path, capsys):
    film(tmp_path / "a.mp4", 3)
    film(tmp_path / "b.mp4", 3)
    tasks = task(1, "a.mp4", 3) + task(2, "a.mp4", 3) + task(3, "b.mp4", 3)
    tracks = track(1, 0, 10) + track(2, 4, 10) + track(3, 7, 10)
    meta = f"<project><tasks>{tasks}</tasks></project>"
    frames = read_labels([cvat(tmp_path / "annotations.xml", tracks, meta)])
    assert {f.path.name for f in frames} == {"b.mp4"}
    assert capsys.readouterr().err.count("several tasks label the same frames of this clip") == 2


@pytest.mark.parametrize("there", ["frame_000004.PNG", "frame_000004.jpg", "a.mp4"])
def test_frames_named_without_an_ending_are_found(tmp_path, there):
    clip = there == "a.mp4"
    film(tmp_path / there, 6) if clip else draw(tmp_path / "images" / "train" / there)
    meta = f"<project><tasks>{task(1, 'z.mp4', 2)}{task(2, 'a.mp4', 6)}</tasks></project>"
    shape = f'<box label="hand" {BOX}/>'
    inner = image(shape, "frame_000004").replace("<image", '<image task_id="2" subset="train"')
    (frame,) = read_labels([cvat(tmp_path / "annotations.xml", inner, meta)])
    assert boxes([frame]) == [[[10, 20, 30, 40]]]
    assert (frame.path.name, frame.frame) == (there, 2 if clip else None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="utf-8"?>'])
def test_xml_in_any_usual_encoding_is_read(tmp_path, encoding, declared):
    draw(tmp_path / "H\xe4nde.png")
    inner = image(f'<box label="hand" {BOX}/>', "H\xe4nde.png")
    text = f"{declared}<annotations>\r\n{inner}</annotations>"
    assert len(read_labels([write(tmp_path / "a.xml", text.encode(encoding))])) == 1


@pytest.mark.parametrize(
    "bad",
    [
        '<box label="hand" xtl="40" ytl="20" xbr="10" ybr="60"/>',  # corners swapped
        '<box label="hand" xtl="10" ytl="20" xbr="10" ybr="60"/>',
        '<box label="hand" xtl="nan" ytl="20" xbr="40" ybr="60"/>',
        '<box label="hand" xtl="210" ytl="20" xbr="240" ybr="60"/>',
        '<box label="hand" xtl="10" ytl="20" xbr="40"/>',
        f'<box label="hand" {BOX} rotation="1e999"/>',
        f'<box label="hand" {BOX} rotation="nan"/>',
        '<ellipse label="hand" cx="1e999" cy="50" rx="3" ry="3" rotation="9"/>',
        '<points label="hand" points="10,20"/>',
        '<points label="hand" points=""/>',
        '<polygon label="hand" points="10;20,30"/>',
        '<mask label="hand" rle="1, 2" left="1" top="2" width="4" height="3"/>',
        '<mask label="hand" rle="12" left="1" top="2" width="4" height="3"/>',
        '<mask label="hand" rle="1" left="1" top="2" width="400000" height="300000"/>',
        '<skeleton label="hand"><points label="1" outside="1" points="10,20"/></skeleton>',
        f'<blob label="hand" {BOX}/>',
    ],
)
def test_one_bad_shape_is_left_out_and_counted(tmp_path, bad, capsys):
    draw(tmp_path / "a.png")
    file = cvat(tmp_path / "annotations.xml", image(f'<box label="hand" {BOX}/>{bad}'))
    assert boxes(read_labels([file])) == [[[10, 20, 30, 40]]]
    told = capsys.readouterr().err.splitlines()
    assert [line.endswith("; left out") for line in told] == [True, False]
    assert told[1] == "left out of the labels: 1 box; --strict refuses such labels"
    with pytest.raises(LabelError):
        read_labels([file], strict=True)


def test_pictures_of_one_name_lie_in_the_folders_of_their_subsets(tmp_path, capsys):
    for name in ("p.png", "images/p.png", "images/train/p.png", "images/test/p.png", "images/q.png"):
        draw(tmp_path / name)
    named = [("p.png", "train"), ("p.png", "test"), ("q.png", "default"), ("p.png", "val")]
    inner = "".join(image("", name).replace("<image", f'<image subset="{subset}"') for name, subset in named)
    pictures = read_labels([cvat(tmp_path / "annotations.xml", inner)])
    assert [str(p.path.relative_to(tmp_path / "images")) for p in pictures] == ["train/p.png", "test/p.png", "q.png"]
    assert (
        "several pictures of annotations.xml are called p.png: expected val/p.png; left out" in capsys.readouterr().err
    )
