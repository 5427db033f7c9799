# Sourced by ./demo and ./check from the project's folder: makes .venv with scow in it and installs the Debian packages
# that the job ($want: demo or test) needs; says what it does, does nothing twice.
say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

packages="ca-certificates debian-archive-keyring mmdebstrap python3-venv"
[ "$want" = test ] && packages="$packages erofs-utils busybox-static git"
missing=""
for p in $packages; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || { say "these Debian packages are missing:$missing; install them, or run this as root"; exit 1; }
    say "installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -q && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing; } >&2
fi

# Any CPython 3.11 to 3.14; SCOW_PYTHON chooses one.
python=${SCOW_PYTHON:-}
if [ -z "$python" ]; then
    for p in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        "$p" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && { python=$p; break; }
    done
fi
[ -n "$python" ] || { say "scow needs Python 3.11 to 3.14 with the venv module"; exit 1; }

stamp=.venv/.scow-$want
if [ ! -x .venv/bin/python ]; then
    say "making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ bin/scow -nt "$stamp" ]; then
    extra=""; [ "$want" = test ] && extra="[test]"
    say "installing scow$extra into .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".$extra" >&2
    touch "$stamp"
fi
