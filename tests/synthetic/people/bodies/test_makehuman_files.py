"""MakeHuman's files, as they are found."""

from pathlib import Path

import numpy as np

from handflow.synthetic.people.bodies.makehuman_files import read_binding, read_obj, read_target


def test_faces_are_cut_into_triangles_with_their_texture_points(tmp_path: Path) -> None:
    file = tmp_path / "a.obj"
    file.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\ng body\nf 1/1 2/2 3/2 4/1\n")
    mesh = read_obj(file)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.corners.tolist() == [[0, 1, 1], [0, 1, 0]]
    assert set(mesh.groups) == {"body"}


def test_a_binding_is_read_wherever_its_material_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shoe.mhclo"
    file.write_text(
        "# comment\nobj_file shoe.obj\nx_scale 5 9 0.5\nverts 0\nmaterial shoe.mhmat\n"
        "1 2 3 0.5 0.25 0.25 0 0.1 0\n7\ndelete_verts\n1 - 3 9\n"
    )
    binding, mesh = read_binding(file)
    assert mesh == "shoe.obj"
    assert binding.corners.tolist() == [[1, 2, 3], [7, 7, 7]]
    assert binding.weights.tolist() == [[0.5, 0.25, 0.25], [1, 0, 0]]
    assert binding.hidden.tolist() == [1, 2, 3, 9]
    assert binding.scales == ((5, 9, 0.5), None, None)


def test_a_shape_moves_the_vertices_it_names(tmp_path: Path) -> None:
    file = tmp_path / "old.target"
    file.write_text("# comment\n3 0.5 0 -1\n")
    rows, moves = read_target(file)
    assert rows.tolist() == [3]
    assert np.array_equal(moves, np.array([[0.5, 0, -1]], np.float32))
