"""A stage on its way to be built: what it begins from, whom it needs, and what its instructions made so far."""

from __future__ import annotations

from scow.build.dockerfile.convert.image import Image
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.draft import Draft
    from scow.build.dockerfile.instructions.base import Instruction, Origin
    from scow.build.dockerfile.instructions.env import Variable
    from scow.build.dockerfile.options import Argument, Conversion, Requirement
    from scow.build.dockerfile.source import Range
    from scow.oci.config import ImageConfig
    from scow.oci.platform import Platform


@value
class Step:
    """An instruction with the stages it takes files from; ``onbuild`` when the base image brought it."""

    command: Instruction
    sources: tuple[State, ...] = ()
    onbuild: bool = False


class State:
    """One stage. ``external`` ones are images and contexts that instructions name without a FROM."""

    def __init__(self, base_name: str, origin: Origin, name: str = "", *, external: bool = False) -> None:
        self.base_name, self.written_base = base_name, base_name
        self.origin, self.name, self.label = origin, name, name
        self.external = external
        self.description = ""
        # whom it needs
        self.base: State | None = None
        self.context: str | Conversion | None = None
        self.deps: dict[State, Origin] = {}
        self.steps: list[Step] = []
        self.platform: Platform | None = None
        self.resolved = self.dispatched = self.triggered = False
        # what it is so far
        self.image = Image({})
        self.base_image: ImageConfig | None = None
        self.draft: Draft | None = None
        self.env: dict[str, str] = {}
        self.cwd, self.user = "/", ""
        self.variables: list[Variable] = []
        # what it uses of others, and others of it
        self.context_paths: set[str] = set()
        self.paths: set[str] = set()
        self.arguments: dict[str, Argument] = {}
        self.used: set[str] = set()
        self.secrets: dict[str, Requirement] = {}
        self.ssh: dict[str, Requirement] = {}
        # display and checks
        self.total = self.index = 0
        self.no_cache = self.workdir_set = self.onbuild = False
        self.seen: dict[str, Range] = {}

    def set_env(self, key: str, given: str) -> None:
        """Set a variable for what follows; it moves to the end, as in LLB."""
        self.env.pop(key, None)
        self.env[key] = given

    def inherit(self) -> None:
        """Begin where the base stage ended."""
        base = self.base
        if base is None:
            return
        self.draft, self.platform, self.base_image = base.draft, base.platform, base.base_image
        self.image = base.image.copy()
        self.paths = base.paths
        self.workdir_set = base.workdir_set
        self.variables = list(base.variables)
