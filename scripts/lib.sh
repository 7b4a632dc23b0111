# Sourced by quickstart, check and the scripts beside it: packages, timed steps with their output in files.
# shellcheck shell=bash

# Debian's own tools first: a cmake or a python that someone put before them may be of any version.
PATH="/usr/bin:/bin:/usr/sbin:/sbin:$PATH"
export LC_ALL=C.UTF-8
# Configurations of the machine must not change what is built or how a test behaves.
unset CFLAGS CPPFLAGS LDFLAGS CC CMAKE_PREFIX_PATH CTEST_OUTPUT_ON_FAILURE

# shellcheck disable=SC2034 # used where this is sourced
BUILD_PACKAGES=(gcc libc6-dev musl-dev cmake ninja-build pkg-config libseccomp-dev zlib1g-dev libdeflate-dev
  libjson-c-dev libssl-dev)
# shellcheck disable=SC2034
CHECK_PACKAGES=(g++ clang libc6-dev-arm64-cross clang-format clang-tidy libclang-rt-14-dev llvm shellcheck git
  ca-certificates python3 python3-venv python3-dev python3-numpy python3-torch gcc-mingw-w64-x86-64)

say() { printf '%s\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# need_packages NAME...: all of them installed when it returns; as root it installs what is missing, else it names it.
need_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    say "This is not a Debian system. Needed here, under Debian's names: $*"
    return 0
  fi
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  if [[ $EUID -ne 0 ]]; then
    die "These packages are missing. Install them and run this again:
  sudo apt-get install ${missing[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  step "install ${#missing[@]} Debian packages" apt_install "${missing[@]}"
}

apt_install() {
  apt-get -qq update && apt-get -qq -y --no-install-recommends install "$@"
}

# step TITLE COMMAND...: runs it with its output in a file under $LOGS; on failure shows the end of that file and stops.
step() {
  local title=$1 log start=$SECONDS
  shift
  log="$LOGS/$(printf '%s' "$title" | tr -c 'A-Za-z0-9.\n' '-').log"
  printf '%-44s ' "$title"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf 'ok  %4d s\n' $((SECONDS - start))
  else
    printf 'FAILED after %d s; the end of %s:\n' $((SECONDS - start)) "$log"
    tail -n 60 "$log"
    exit 1
  fi
}

# build PRESET [TARGET...]: configures and builds build/PRESET, with what CONFIGURE adds.
build() {
  local preset=$1
  shift
  cmake --preset "$preset" -DTV_WERROR=ON "${CONFIGURE[@]}" && cmake --build --preset "$preset" ${1:+--target "$@"}
}
CONFIGURE=(-DBUILD_TESTING=ON)
