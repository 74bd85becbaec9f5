"""Draws meshes with OpenGL, without a screen; on machines without a GPU in software (Mesa's llvmpipe)."""

import sys
from collections.abc import Sequence
from typing import Any

import moderngl
import numpy as np

from handflow.errors import SetupError

from .bodies.geometry import UP, cross, unit
from .camera import PinholeCamera
from .drawn import FIELDS, Drawn, DrawnParts
from .lights import LIGHTS, Lighting
from .shaders import COLOUR, GROUND, OWNER, SHADOW

SHADOW_PX = 768
SAMPLES = 4
GROUND_M = 80.0  # how far around the camera shadows fall
GROUND_COARSE = 4  # the shadow on the ground is drawn this much smaller
SOFTWARE = "drawing needs OpenGL; without a GPU: apt-get install libegl1 libgl1-mesa-dri"


class PeopleRenderer:
    """Draws with the textures of `layers` (512, 512, 4). SetupError where there is no OpenGL."""

    def __init__(self, layers: Sequence[np.ndarray]) -> None:
        self.gl = gl = opengl_context()
        self.colour = gl.program(*COLOUR)
        self.owner = gl.program(*OWNER)
        self.depth = gl.program(*SHADOW)
        self.ground = gl.program(*GROUND)
        self.stack = gl.texture_array((*layers[0].shape[:2], len(layers)), 4, np.stack(layers).tobytes())
        self.stack.build_mipmaps()
        self.stack.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        side = SHADOW_PX
        self.shadows = gl.texture_array((side, side, LIGHTS), 1, dtype="f4")
        self.shadows.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.depth_map = gl.depth_texture((side, side))
        self.depth_map.compare_func = ""
        self.depth_target = gl.framebuffer(depth_attachment=self.depth_map)
        self.targets: dict[tuple[int, int], tuple[Any, Any]] = {}

    def draw(
        self,
        camera: PinholeCamera,
        parts: DrawnParts,
        light: Lighting,
        gain: float = 1.0,
        haze: np.ndarray | None = None,
        thick: float = 0.0,
    ) -> Drawn:
        """Draws `parts`. `haze`: a colour (3,) that hides what is far, by `thick` of the light each metre."""
        gl, made = self.gl, []
        data = np.concatenate([parts.vertices[name].reshape(-1, size) for name, size in FIELDS.items()], axis=1)
        vertices = gl.buffer(data.astype("f4").tobytes())
        indices = [gl.buffer(rows.astype("i4").tobytes()) for rows in (parts.triangles, parts.hands) if len(rows)]
        made += [vertices, *indices]

        def bound(program: Any, index: Any) -> Any:
            layout = " ".join(f"{size}f" if name in program else f"{size}x4" for name, size in FIELDS.items())
            names = [name for name in FIELDS if name in program]
            made.append(gl.vertex_array(program, [(vertices, layout, *names)], index))
            return made[-1]

        gl.enable(moderngl.DEPTH_TEST)
        gl.disable(moderngl.BLEND | moderngl.CULL_FACE)
        self._shadow_maps(bound(self.depth, indices[0]), parts.vertices["position"], light)
        self._set_scene(camera, gain, np.zeros(3) if haze is None else haze, thick)
        colour, owners = self._people(camera.size, bound(self.owner, indices[0]), bound(self.colour, indices[0]))
        hands = np.zeros_like(owners)
        if len(indices) > 1:
            hands = self._owners(camera.size, bound(self.owner, indices[1]))
        shadow = self._ground(camera, made)
        for thing in reversed(made):
            thing.release()
        return Drawn(colour, owners, hands, shadow)

    def _shadow_maps(self, drawn: Any, positions: np.ndarray, light: Lighting) -> None:
        """What each light sees."""
        middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
        reach = float(np.linalg.norm(np.ptp(positions, axis=0))) / 2 + 0.2
        views, bias = [], []
        for number, way in enumerate(light.directions):
            up = UP if abs(way[1]) < 0.95 else np.array([1.0, 0, 0])
            right = unit(cross(-way, up))
            view = np.eye(4)
            view[:3, :3] = np.stack([right, cross(right, -way), way])
            view[:3, 3] = -view[:3, :3] @ (middle + way * reach * 2)
            seen = positions[::16] @ view[:3, :3].T + view[:3, 3]
            low, high = seen.min(axis=0) - 0.15, seen.max(axis=0) + 0.15
            flat = np.diag([*(2 / (high - low) * [1, 1, -1]), 1.0])
            flat[:3, 3] = -(high + low) / (high - low) * [1, 1, -1]
            views.append(flat @ view)
            bias.append(0.03 / (high[2] - low[2]))
            self.depth_target.use()
            self.depth_target.clear(depth=1)
            self.depth["view_project"].write(views[-1].T.astype("f4").tobytes())
            drawn.render()
            self.shadows.write(self.depth_map.read(), viewport=(0, 0, number, SHADOW_PX, SHADOW_PX, 1))
        for program in (self.colour, self.ground):
            program["light_view"].write(np.stack([view.T for view in views]).astype("f4").tobytes())
            program["light_from"].write(light.directions.astype("f4").tobytes())
            program["light_colour"].write(light.colours.astype("f4").tobytes())
            program["around"].write(light.ambient.astype("f4").tobytes())
            program["bias"].write(np.array(bias, "f4").tobytes())
            program["shadows"].value = 1

    def _set_scene(self, camera: PinholeCamera, gain: float, haze: np.ndarray, thick: float) -> None:
        self.stack.use(0)
        self.shadows.use(1)
        for program in (self.colour, self.owner, self.ground):
            program["view_project"].write(camera.clip_matrix().T.astype("f4").tobytes())
        self.colour["eye"].value, self.colour["gain"].value = tuple(camera.eye), gain
        self.colour["haze"].value, self.colour["thick"].value = tuple(haze), thick

    def _people(self, size: tuple[int, int], owner: Any, colour: Any) -> tuple[np.ndarray, np.ndarray]:
        """Colours, and whose each pixel is."""
        smooth, plain = self._target(size)
        smooth.use()
        smooth.clear(0, 0, 0, 0, depth=1)
        # Depth first, so that no hidden pixel is coloured.
        smooth.color_mask = False, False, False, False
        owner.render()
        smooth.color_mask = True, True, True, True
        self.gl.depth_func = "=="
        colour.render()
        self.gl.depth_func = "<"
        self.gl.copy_framebuffer(plain, smooth)
        return _pixels(plain, size), self._owners(size, owner)

    def _owners(self, size: tuple[int, int], owner: Any) -> np.ndarray:
        plain = self._target(size)[1]
        plain.use()
        plain.clear(0, 0, 0, 0, depth=1)
        owner.render()
        seen = _pixels(plain, size).astype(np.int32)
        return np.where(seen[..., 2] > 0, seen[..., 0] + 256 * seen[..., 1], 0)

    def _ground(self, camera: PinholeCamera, made: list[Any]) -> np.ndarray:
        x, z = (np.array([-1, 1, -1, 1]) * GROUND_M, np.array([1, 1, -1, -1]) * GROUND_M)
        quad = np.stack([x, np.zeros(4), z], axis=1) + camera.eye * [1, 0, 1]
        made.append(self.gl.buffer(quad.astype("f4").tobytes()))
        made.append(self.gl.vertex_array(self.ground, [(made[-1], "3f", "position")]))
        small = camera.size[0] // GROUND_COARSE, camera.size[1] // GROUND_COARSE
        target = self._target(small)[1]
        target.use()
        target.clear(1, 1, 1, 1, depth=1)
        made[-1].render(moderngl.TRIANGLE_STRIP)
        return _pixels(target, small)[..., :3].astype(np.float32) / 255

    def _target(self, size: tuple[int, int]) -> tuple[Any, Any]:
        """A smooth and a plain picture to draw into."""
        if size not in self.targets:
            gl = self.gl
            many = gl.renderbuffer(size, 4, samples=SAMPLES), gl.depth_renderbuffer(size, samples=SAMPLES)
            one = gl.renderbuffer(size, 4), gl.depth_renderbuffer(size)
            self.targets[size] = gl.framebuffer(*many), gl.framebuffer(*one)
        return self.targets[size]


def opengl_context() -> Any:
    """OpenGL without a window. SetupError."""
    options: dict[str, Any] = {"backend": "egl"} if sys.platform == "linux" else {}
    try:
        return moderngl.create_context(standalone=True, **options)
    except Exception as error:  # moderngl raises Exception itself
        raise SetupError(f"{SOFTWARE} ({error})") from error


def _pixels(target: Any, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 4) uint8, top row first."""
    return np.frombuffer(target.read(components=4), np.uint8).reshape(size[1], size[0], 4)[::-1].copy()
