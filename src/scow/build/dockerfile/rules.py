"""BuildKit's build checks: names, what they are about, and where they are explained.

A finding's words come from the place that finds it; the table has what is the same for all findings of a rule.
"""

from __future__ import annotations

import re

from scow.values import value

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DOCS = "https://docs.docker.com/go/dockerfile/rule/"


@value
class Rule:
    """A check. ``experimental`` ones run only when asked for."""

    name: str
    description: str
    experimental: bool = False
    documented: bool = True

    @property
    def url(self) -> str:
        """Where docker explains it."""
        return f"{_DOCS}{_WORD_START.sub('-', self.name).lower()}/" if self.documented else ""


STAGE_NAME_CASING = Rule("StageNameCasing", "Stage names should be lowercase")
FROM_AS_CASING = Rule("FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword")
NO_EMPTY_CONTINUATION = Rule("NoEmptyContinuation", "Empty continuation lines will become errors in a future release")
CONSISTENT_CASING = Rule(
    "ConsistentInstructionCasing",
    "All commands within the Dockerfile should use the same casing (either upper or lower)",
)
DUPLICATE_STAGE_NAME = Rule("DuplicateStageName", "Stage names should be unique")
RESERVED_STAGE_NAME = Rule("ReservedStageName", "Reserved words should not be used as stage names")
JSON_ARGS = Rule(
    "JSONArgsRecommended",
    "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
)
MAINTAINER_DEPRECATED = Rule(
    "MaintainerDeprecated", "The MAINTAINER instruction is deprecated, use a label instead to define an image author"
)
UNDEFINED_ARG_IN_FROM = Rule("UndefinedArgInFrom", "FROM command must use declared ARGs")
WORKDIR_RELATIVE = Rule(
    "WorkdirRelativePath",
    "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base "
    "image changes",
)
UNDEFINED_VAR = Rule("UndefinedVar", "Variables should be defined before their use")
MULTIPLE_INSTRUCTIONS = Rule(
    "MultipleInstructionsDisallowed", "Multiple instructions of the same type should not be used in the same stage"
)
LEGACY_KEY_VALUE = Rule("LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used")
INVALID_BASE_PLATFORM = Rule(
    "InvalidBaseImagePlatform", "Base image platform does not match expected target platform", documented=False
)
REDUNDANT_TARGET_PLATFORM = Rule(
    "RedundantTargetPlatform",
    "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
)
SECRETS_IN_ARG_OR_ENV = Rule("SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands")
INVALID_DEFAULT_ARG = Rule(
    "InvalidDefaultArgInFrom", "Default value for global ARG results in an empty or invalid base image name"
)
FROM_PLATFORM_CONST = Rule("FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value")
COPY_IGNORED_FILE = Rule("CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore")
INVALID_DESCRIPTION = Rule(
    "InvalidDefinitionDescription",
    "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not "
    "intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    experimental=True,
)
EXPOSE_PROTO_CASING = Rule("ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase")
EXPOSE_INVALID_FORMAT = Rule(
    "ExposeInvalidFormat",
    "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future "
    "release",
)

ALL = tuple(r for r in list(globals().values()) if isinstance(r, Rule))
"""Every rule."""
