"""The OpenGL programs that draw people: colour, what belongs to whom, shadow maps, the shadow on the ground."""

from .lights import LIGHTS

LIT = f"""
#define LIGHTS {LIGHTS}
uniform sampler2DArray shadows;
uniform mat4 light_view[LIGHTS];
uniform vec3 light_from[LIGHTS];
uniform vec3 light_colour[LIGHTS];
uniform vec3 around[2];
uniform float bias[LIGHTS];
float lit(int k, vec3 p, vec3 n) {{
  vec4 q = light_view[k] * vec4(p + n * .015, 1);
  vec3 u = q.xyz * .5 + .5;
  if (any(lessThan(u.xy, vec2(0))) || any(greaterThan(u, vec3(1)))) return 1.;
  if (k > 0) return texture(shadows, vec3(u.xy, k)).r + bias[k] > u.z ? 1. : 0.;
  float sum = 0.;
  vec2 px = 1. / vec2(textureSize(shadows, 0).xy);
  for (int i = 0; i < 4; i++) {{
    vec2 o = vec2(float(i & 1) - .5, float(i >> 1) - .5) * 1.2;
    sum += texture(shadows, vec3(u.xy + o * px, k)).r + bias[k] > u.z ? .25 : 0.;
  }}
  return sum;
}}
vec3 ambient(vec3 n) {{ return max(vec3(0), around[0] + around[1] * n.y); }}
"""
# Light is summed at the vertices: in software OpenGL that takes a quarter of the time that pixels take.
COLOUR = (
    """
#version 330
uniform mat4 view_project; uniform vec3 eye; uniform float thick;
in vec3 position; in vec3 normal; in vec2 uv; in float layer; in vec4 tint; in float skin;
out vec3 t; out vec4 c; out vec3 light; out vec3 shine; out float fog;
invariant gl_Position;
"""
    + LIT
    + """
void main() {
  t = vec3(uv, layer); c = tint; gl_Position = view_project * vec4(position, 1);
  vec3 v = normalize(eye - position), m = normalize(normal);
  if (dot(m, v) < -.3) m = -m;
  light = ambient(m); shine = vec3(0);
  bool flesh = skin > .5;
  float wrap = flesh ? .25 : .05;
  vec3 soft = vec3(.3) + (flesh ? vec3(.15, .07, .05) : vec3(0));
  for (int k = 0; k < LIGHTS; k++) {
    float d = dot(m, light_from[k]), front = max((d + wrap) / (1. + wrap), 0.);
    if (front > 0.) {
      float open = lit(k, position, m);
      light += light_colour[k] * open * mix(vec3(max(d, 0.)), vec3(front), soft);
      float h = max(dot(m, normalize(v + light_from[k])), 0.);
      shine += light_colour[k] * open * (flesh ? .05 * pow(h, 22.) : .015 * pow(h, 12.));
    }
  }
  fog = 1. - exp(-thick * length(eye - position));
}
""",
    """
#version 330
uniform sampler2DArray stack; uniform float gain; uniform vec3 haze;
in vec3 t; in vec4 c; in vec3 light; in vec3 shine; in float fog;
out vec4 out_colour;
void main() {
  vec3 a = texture(stack, t).rgb;
  a *= a;
  float y = dot(a, vec3(.3, .6, .1));
  a = mix(a * min(c.rgb, vec3(1.3)), (.15 + 1.1 * sqrt(y)) * c.rgb * .75, c.a);
  vec3 rgb = mix((a * light + shine) * gain, haze, fog);
  rgb = rgb / (1. + .18 * rgb);
  out_colour = vec4(sqrt(max(rgb, 0.)), 1);
}
""",
)
OWNER = (
    """
#version 330
uniform mat4 view_project;
in vec3 position; in vec2 uv; in float layer; in float owner;
out vec3 t; flat out float id;
invariant gl_Position;
void main() { t = vec3(uv, layer); id = owner; gl_Position = view_project * vec4(position, 1); }
""",
    """
#version 330
uniform sampler2DArray stack;
in vec3 t; flat in float id; out vec4 out_colour;
void main() {
  if (texture(stack, t).a < .45) discard;
  float k = floor(id + .5);
  out_colour = vec4(mod(k, 256.) / 255., floor(k / 256.) / 255., 1, 1);
}
""",
)
SHADOW = (
    """
#version 330
uniform mat4 view_project; in vec3 position;
void main() { gl_Position = view_project * vec4(position, 1); }
""",
    """
#version 330
void main() {}
""",
)
GROUND = (
    """
#version 330
uniform mat4 view_project; in vec3 position; out vec3 p;
void main() { p = position; gl_Position = view_project * vec4(position, 1); }
""",
    """
#version 330
in vec3 p; out vec4 out_colour;
"""
    + LIT
    + """
void main() {
  vec3 up = vec3(0, 1, 0), all = ambient(up) + 1e-4, left = all;
  for (int k = 0; k < LIGHTS; k++) {
    float d = max(light_from[k].y, 0.);
    all += light_colour[k] * d; left += light_colour[k] * d * lit(k, p, up);
  }
  out_colour = vec4(left / all, 1);
}
""",
)
