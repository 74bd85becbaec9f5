"""A stage: the node class that `run: tracker` names, and what that class declares: settings, inputs and output."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from handflow.errors import SetupError, StageError
from handflow.messages import Message
from handflow.runtime.names import meant
from handflow.runtime.node import Node
from handflow.runtime.topology import Crossing
from handflow.runtime.transport.wire import Edge

KEEPS_DRIVING = ("newest", "all")
PACKAGE = "handflow.stages"  # our own stages, one module each


@dataclass(frozen=True)
class Input:
    """An argument of `process`."""

    kind: type[Message]
    optional: bool


@dataclass(frozen=True)
class Declaration:
    """What a node class says of itself."""

    settings: dict[str, Any]  # name -> annotation, with its bounds and help
    required: frozenset[str]  # settings without a default
    inputs: dict[str, Input]  # in the order of process(): the first drives
    rest: Input | None  # `**messages`: any number of inputs under any names, each of which drives
    keep: str | dict[str, str]  # how driving inputs are read if the graph does not say; or by argument
    may_rest: bool  # nobody waits for it
    output: type[Message] | None

    def keep_of(self, argument: str, crosses: bool) -> str:
        """How a driving input is read if the graph does not say."""
        if isinstance(self.keep, str):
            return self.keep
        return "newest" if crosses else self.keep.get(argument, "newest")


@dataclass
class Stage:
    """One node, ready to be made."""

    name: str
    run: str  # a file of the user's with its whole path
    node: type[Node]
    settings: dict[str, Any]
    edges: list[Edge]  # the first drives; none: a source
    listeners: list[str]  # who listens to it, once for each edge
    readers: list[str]  # those of them that read every message
    declaration: Declaration
    on: str = ""  # the machine, of several the one that it runs on
    crossings: list[Crossing] = field(default_factory=list)  # how it is read on other machines, each way once
    awaited: list[Crossing] = field(default_factory=list)  # those of them by which it is read as things stand
    streams: list[str] = field(default_factory=list)  # nodes by which some readers choose from its messages


def load(run: str, folder: Path) -> type[Node]:
    """The node class that `run:` names: a stage of ours, a .py file (from `folder`) or a package.module. StageError."""
    try:
        if run.endswith(".py"):
            module = _from_file(folder / meant(run, folder))
        elif "." in run:
            module = _from_name(run, run)
        else:
            if run not in stage_names():
                raise StageError(f"{run!r} is not a stage{hint(run, stage_names())}; a file of your own ends in .py")
            module = _from_name(f"{PACKAGE}.{run}", run)
    except StageError:
        raise
    except Exception as error:  # whatever a user's module does when it is imported
        if isinstance(error, ImportError) and run in stage_names():
            raise  # not the graph's fault: a library of ours is missing
        where = f" ({Path(error.filename or '').name}:{error.lineno})" if isinstance(error, SyntaxError) else ""
        raise StageError(f"{run} cannot be loaded: {type(error).__name__}: {_one_line(error)}{where}") from error
    found = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, Node)]
    own = [c for c in found if c.__module__ == module.__name__]
    if len(own) != 1:
        raise StageError(f"expected one Node class in {run}, got {len(own)}")
    return own[0]


def stage_names() -> list[str]:
    """Our own stages: the modules of their package."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    return sorted(m.name for m in pkgutil.iter_modules(spec.submodule_search_locations))


def declaration_of(node: type[Node]) -> Declaration:
    """Reads the class's annotations. StageError where they are not what a node's must be."""
    try:
        hints = get_type_hints(node, include_extras=True)
        process = get_type_hints(node.process)
    except AttributeError as error:
        raise StageError(f"{node.__name__} has no process()") from error
    except NameError as error:
        raise StageError(f"{node.__name__}: an annotation names what is not there: {error}") from error
    inputs: dict[str, Input] = {}
    rest = None
    for name, parameter in list(inspect.signature(node.process).parameters.items())[1:]:
        kinds = _messages_in(process.get(name))
        if len(kinds) != 1:
            raise StageError(f"{node.__name__}.process: argument {name!r} needs one message type as its annotation")
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = Input(kinds[0], True)
        else:
            inputs[name] = Input(kinds[0], type(None) in get_args(process[name]))
    if rest and inputs:
        raise StageError(f"{node.__name__}.process: any number of inputs leaves no room for {', '.join(inputs)}")
    if not set([node.keep] if isinstance(node.keep, str) else node.keep.values()) <= set(KEEPS_DRIVING):
        raise StageError(f"{node.__name__}.keep: expected {' or '.join(KEEPS_DRIVING)}, got {node.keep!r}")
    outputs = _messages_in(process.get("return"))
    # pyright and mypy do not see that Node subclasses are dataclasses when asked through type[Node].
    own = fields(node)  # type: ignore[arg-type]
    return Declaration(
        settings={f.name: hints[f.name] for f in own},
        required=frozenset(f.name for f in own if f.default is MISSING and f.default_factory is MISSING),
        inputs=inputs,
        rest=rest,
        keep=node.keep,
        may_rest=node.resting is not Node.resting,
        output=outputs[0] if outputs else None,
    )


def checked_settings(
    declaration: Declaration, values: dict[str, Any], whole: bool = True
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of `with:` as the class's types, strictly ('0.2' is no number, true is not 1); one line per fault.

    `whole`: those that the class has no default for must be there.
    """
    good: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in values.items():
        if name not in declaration.settings:
            allowed = list(declaration.settings)
            faults[name] = f"no setting {name!r}{hint(name, allowed)}; it has {', '.join(allowed) or 'none'}"
            continue
        try:
            good[name] = msgspec.convert(value, declaration.settings[name], strict=True)
        except msgspec.ValidationError as error:
            faults[name] = _fault(name, value, declaration.settings[name], str(error))
    for name in sorted(declaration.required - set(values)) if whole else ():
        faults[name] = f"setting {name!r} is missing"
    return good, faults


def misfit(node: type[Node], settings: dict[str, Any]) -> str:
    """Why settings that are good each by itself do not go together; "": they do."""
    try:
        node(**settings)
    except (ValueError, TypeError, SetupError) as error:
        return str(error)
    return ""


def setting_schema(annotation: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of one setting, and of the types that it refers to; the annotation's text is the description."""
    (schema,), parts = msgspec.json.schema_components([annotation], ref_template="#/$defs/{name}")
    help_ = [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, str)]
    return ({**schema, "description": help_[0]} if help_ else schema), parts


def hint(word: object, known: Sequence[str]) -> str:
    """' (did you mean ...?)' with the nearest known word, or nothing."""
    near = get_close_matches(str(word), known, 1, 0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _from_name(module: str, run: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            raise StageError(f"there is no module {run!r}") from error
        raise


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise StageError(f"there is no file {path}")
    name = f"handflow_graph_{path.stem}"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # the file may import its neighbours
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StageError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _messages_in(annotation: Any) -> list[type[Message]]:
    """The message types in `Hands`, `Hands | None`, `Iterator[Frame | None]`."""
    if inspect.isclass(annotation) and issubclass(annotation, Message):
        return [annotation]
    if get_origin(annotation) is Annotated:
        return _messages_in(get_args(annotation)[0])
    return [kind for part in get_args(annotation) for kind in _messages_in(part)]


def _fault(name: str, value: Any, annotation: Any, message: str) -> str:
    """msgspec's message as: what was found where, what was expected."""
    match = re.fullmatch(r"(.*?)(?: - at `\$(.*)`)?", message, re.DOTALL)
    text, path = (match[1], match[2] or "") if match else (message, "")
    found = value
    for key, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        found = found[key] if key else found[int(index)]
    if expected := re.fullmatch(r"Expected (.*?)(?:, got .*)?", text):
        wanted = expected[1].replace("`", "").replace("float", "a number").replace("null", "nothing")
        return f"{name}{path}: expected {wanted}, got {found!r}"
    choices = _choices(annotation)
    if text.startswith("Invalid enum") and choices and not path:
        known = list(map(str, choices))
        return f"{name}: expected {' or '.join(known)}, got {found!r}{hint(found, known)}"
    return f"{name}{path}: {text.replace('`', repr(chr(39))[1:-1])}"


def _choices(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Literal:
        return list(get_args(annotation))
    parts = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    return [c for part in parts for c in _choices(part)] if origin in (Annotated, Union, UnionType) else []


def _one_line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "msg", error)).split())
