"""Build checks: what is found, where, in which words (docker's), and what ``# check=`` turns off."""

from __future__ import annotations

from typing import Any

import pytest
from tests.build.dockerfile.samples import AMD64, built, resolve

from scow.build.dockerfile import DockerfileError, Options, calls, parse, rules

# Dockerfile, findings as docker prints them
FINDINGS = [
    ("FROM a\nRUN echo \\\n\n  hi\n", ["NoEmptyContinuation: Empty continuation line (line 4)"]),
    (
        "FROM a as Foo\n",
        [
            "StageNameCasing: Stage name 'Foo' should be lowercase (line 1)",
            "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)",
        ],
    ),
    (
        'from a AS foo\nRUN x\nrun y\nCmd ["x"]\n',
        [
            "FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)",
            "ConsistentInstructionCasing: Command 'RUN' should match the case of the command majority (lowercase) (line 2)",
            "ConsistentInstructionCasing: Command 'Cmd' should match the case of the command majority (lowercase) (line 4)",
        ],
    ),
    ('From a As b\nRUN x\nCMD ["x"]\n', ["ConsistentInstructionCasing: Command 'From' should match the case of the command majority (uppercase) (line 1)"]),
    ("FROM scratch AS scratch\n", ['ReservedStageName: Stage name should not use the same name as reserved stage "scratch" (line 1)']),
    ("FROM a AS a1\nFROM a AS a1\n", ['DuplicateStageName: Duplicate stage name "a1", stage names should be unique (line 2)']),
    (
        'FROM a\nCMD a\nENTRYPOINT b\nSHELL ["x"]\nCMD c\nMAINTAINER x\n',
        [
            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 6)",
            "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)",
            "JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals (line 3)",
            "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used (line 2)",
        ],
    ),
    (
        "ARG A=a\nFROM ${A}\nFROM ${B:-a} AS x\nFROM ${TARGETOS}x AS y\nFROM ${TARGETO:-a} AS z\n",
        [
            "UndefinedArgInFrom: FROM argument 'B' is not declared (did you mean A?) (line 3)",
            "UndefinedArgInFrom: FROM argument 'TARGETO' is not declared (did you mean TARGETOS?) (line 5)",
        ],
    ),
    (
        "FROM --platform=$TARGETPLATFORM a\nFROM --platform=linux/amd64 a\nFROM --platform=linux/amd64 a AS x-amd64\n",
        [
            "RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior (line 1)",
            'FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64" (line 2)',
        ],
    ),
    ("ARG TAG\nFROM scratch\nFROM a${TAG}\n", []),
    ("FROM a\nWORKDIR a\nWORKDIR b\n", ['WorkdirRelativePath: Relative workdir "a" can have unexpected results if the base image changes (line 2)']),
    ("FROM a\nWORKDIR /a\nWORKDIR b\n", []),
    (
        "FROM a\nENV PTH=1\nCOPY $PAHT /x\nARG Q\nENV c=$Q d=$PTHH\nRUN echo $undefined\nCOPY <<E <<'F' /x/\n$u\nE\n$v\nF\n",
        [
            "UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?) (line 3)",
            "UndefinedVar: Usage of undefined variable '$PTHH' (did you mean $PTH?) (line 5)",
            "UndefinedVar: Usage of undefined variable '$u' (did you mean $c?) (line 7)",
        ],
    ),
    (
        "FROM a\nENV a b\nlabel a b\n",
        [
            "ConsistentInstructionCasing: Command 'label' should match the case of the command majority (uppercase) (line 3)",
            'LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format (line 2)',
            'LegacyKeyValueFormat: "label key=value" should be used instead of legacy "label key value" format (line 3)',
        ],
    ),
    (
        "FROM a\nARG API_KEY\nENV PASSWORD=x TOKEN_FILE=x db_Secret=x\nARG PUBLIC_KEY authx monkey\n",
        [
            'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY") (line 2)',
            'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "PASSWORD") (line 3)',
            'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "db_Secret") (line 3)',
        ],
    ),
    (
        "FROM a\nEXPOSE 80/TCP 1.2.3.4:80:81 82:83 90-91\n",
        [
            "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '1.2.3.4:80:81' (line 2)",
            "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase (line 2)",
            "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '82:83' (line 2)",
        ],
    ),
    (
        "FROM a\nCOPY ignored/x /y\nADD ./ignored /y\nCOPY a b\nCOPY . /z\n",
        [
            'CopyIgnoredFile: Attempting to Copy file "ignored/x" that is excluded by .dockerignore (line 2)',
            'CopyIgnoredFile: Attempting to Add file "ignored" that is excluded by .dockerignore (line 3)',
        ],
    ),
    ("FROM a AS b\nARG Z\nFROM b\nENV q=$Z\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "findings"), FINDINGS)
def test_findings(text: str, findings: list[str]) -> None:
    assert [str(w) for w in built(text, all_stages=True, ignore=("ignored",)).warnings] == findings


def test_findings_about_base_images() -> None:
    made = built("FROM a\n", platform=AMD64)
    assert made.warnings == ()
    options = Options(build_platform=AMD64)
    arm = calls.lint(parse(b"FROM --platform=linux/arm64 a AS arm64\n"), options, lambda n, _p: resolve(n, AMD64))
    (finding,) = arm["warnings"]
    assert finding["ruleName"] == "InvalidBaseImagePlatform"
    words = 'Base image a was pulled with platform "linux/amd64", expected "linux/arm64" for current build'
    assert (finding["detail"], "url" in finding) == (words, False)
    empty = calls.lint(parse(b"ARG TAG\nFROM a:${TAG}\n"), Options(build_args={"TAG": "1"}), resolve)
    words = "Default value for ARG a:${TAG} results in empty or invalid base image name"
    assert [w["detail"] for w in empty["warnings"]] == [words]


def test_descriptions_are_checked_only_when_asked_for() -> None:
    text = "# foo bar\nARG x\n# stage desc\nFROM a AS base\n# what\nARG a b\n# a ok\nARG a\n"
    assert built(text).warnings == ()
    found = built("# check=experimental=InvalidDefinitionDescription\n" + text).warnings
    assert [(w.at.start, w.message.partition("`")[2]) for w in found] == [
        (3, "# x <description>`"),
        (5, "# base <description>`"),
        (7, "# <arg_key> <description>`"),
    ]


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("", ["LegacyKeyValueFormat", "LegacyKeyValueFormat", "WorkdirRelativePath"]),
        ("# check=skip=all\n", []),
        ("# check=skip=LegacyKeyValueFormat, Other\n", ["LegacyKeyValueFormat"] * 2 + ["WorkdirRelativePath"]),
        ("# syntax=docker/dockerfile:1\n# check = skip=WorkdirRelativePath,LegacyKeyValueFormat\n", []),
    ],
)
def test_skipping_for_the_file(head: str, found: list[str]) -> None:
    made = built(head + "FROM a\nENV a b\nENV c d\nWORKDIR x\n")
    if "Other" in head:  # the value ends at the first blank
        found = ["WorkdirRelativePath"]
    assert [w.rule.name for w in made.warnings] == found


def test_skipping_for_one_instruction() -> None:
    made = built("FROM a\n# check=skip=LegacyKeyValueFormat\nENV a b\nENV c d\n# check=nonsense\nENV e f\n")
    assert [w.at.start for w in made.warnings] == [4, 6]


def test_build_argument_replaces_the_files_directive() -> None:
    made = built("# check=skip=all\nFROM a\nENV a b\n", build_args={"BUILDKIT_DOCKERFILE_CHECK": "skip=X"})
    assert [w.rule.name for w in made.warnings] == ["LegacyKeyValueFormat"]


def test_findings_as_errors() -> None:
    text = "# check=error=true;skip=LegacyKeyValueFormat\nFROM a\nENV a b\nWORKDIR x\n"
    with pytest.raises(DockerfileError, match="lint violation found for rules: WorkdirRelativePath"):
        built(text)
    assert built("# check=error=true\nFROM a\n").edge
    found = calls.lint(parse(text.encode()), Options(), resolve)
    assert found["buildError"] == {"message": "lint violation found for rules: WorkdirRelativePath"}


def test_rules_have_dockers_names_and_pages() -> None:
    assert len(rules.ALL) == 22
    pages = {r.name: r.url for r in rules.ALL}
    base = "https://docs.docker.com/go/dockerfile/rule/"
    assert pages["JSONArgsRecommended"] == base + "json-args-recommended/"
    assert pages["SecretsUsedInArgOrEnv"] == base + "secrets-used-in-arg-or-env/"


def located(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(f["name"], f["location"]["ranges"][0]["start"]["line"]) for f in found]


TEXT = b"""# desc of things
ARG top=1
# base the base
FROM a AS base
# top overrides
ARG top
# other is
ARG other=x
RUN --mount=type=secret,id=s,required --mount=type=ssh --mount=type=secret,target=/q/tok x
# final it is
FROM --platform=$BUILDPLATFORM base AS final
ARG third=${top}
"""


def test_outline() -> None:
    found = calls.outline(built(TEXT.decode()))
    assert (found["name"], found["description"]) == ("final", "it is")
    assert located(found["args"]) == [("top", 2), ("other", 8), ("third", 12)]
    assert [a["value"] for a in found["args"]] == ["1", "x", "1"]
    assert found["args"][1]["description"] == "is"
    assert located(found["secrets"]) == [("s", 9), ("tok", 9)]
    assert [s.get("required") for s in found["secrets"]] == [True, None]
    assert located(found["ssh"]) == [("default", 9)]


def test_targets() -> None:
    first, second = calls.targets(parse(TEXT))
    assert (first["name"], first["description"], first["base"], first.get("default")) == ("base", "the base", "a", None)
    assert (second["default"], second["platform"], located([second])) == (True, "$BUILDPLATFORM", [("final", 11)])


def test_an_error_ends_the_check_with_what_was_found() -> None:
    found = calls.lint(parse(b"FROM a\nENV a b\nCOPY --chmod=9 a b\n"), Options(), resolve)
    assert [w["ruleName"] for w in found["warnings"]] == ["LegacyKeyValueFormat"]
    assert found["buildError"]["message"].startswith("invalid chmod parameter")
    assert found["buildError"]["location"]["ranges"][0]["start"]["line"] == 3
