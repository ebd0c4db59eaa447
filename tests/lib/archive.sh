# shellcheck shell=bash
# Programs of other Debian releases, for tests: fetched from where this machine's apt fetches,
# checked as apt checks, in an apt directory of their own. Nothing is installed but patchelf: each is
# unpacked together with the libraries of its release and made to use those. Sourced, not run; needs
# install.sh.
#
# All is kept in $XDG_CACHE_HOME/mdbitmap or tests/.cache, and no network is needed once it is there.

# Where to look, the stablest first.
SUITES=(bookworm trixie forky sid)
cache=${XDG_CACHE_HOME:+$XDG_CACHE_HOME/mdbitmap}
cache=${cache:-$PWD/tests/.cache}
apt=$cache/apt
# What is known of the archive: nothing yet, open, or why not.
archive=
reason=

# apt_get and apt_cache COMMAND...: in our own directory, with the machine's settings otherwise.
apt_get() { APT_CONFIG=$apt/apt.conf apt-get -qq "$@"; }
apt_cache() { APT_CONFIG=$apt/apt.conf apt-cache "$@"; }

# mirror: where this machine gets Debian from. Without any lists apt does not know. (The $ is for apt.)
# shellcheck disable=SC2016
mirror() {
    apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

keyring() {
    local file
    for file in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        [ ! -r "$file" ] || { echo "$file" && return; }
    done
}

# apt_root URI KEYRING: an apt directory that has all suites and no installed packages.
apt_root() {
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    printf "deb [signed-by=$2] $1 %s main\n" "${SUITES[@]}" >"$apt/sources.list"
    echo "deb-src [signed-by=$2] $1 ${SUITES[0]} main" >>"$apt/sources.list"
    cat >"$apt/apt.conf" <<-END
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::State::lists "$apt/lists";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Acquire::Languages "none";
	Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
	APT::Sandbox::User "$(id -un)";
	END
}

# open_archive: 0 when the lists are there and patchelf is, else 1 and why in $reason.
open_archive() {
    [ -n "$archive" ] || archive=$(find_archive)
    reason=$archive
    [ "$archive" = open ]
}

find_archive() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        echo "there is no apt here" && return
    fi
    install_patchelf || { echo "patchelf is not installed" && return; }
    local uri keys
    uri=$(mirror) keys=$(keyring)
    if [ -z "$uri" ] && [ "$(id -u)" = 0 ] && apt-get -qq update; then uri=$(mirror); fi
    if [ -z "$uri" ] || [ -z "$keys" ]; then
        echo "apt knows no ${uri:+keys of the }Debian archive here" && return
    fi
    apt_root "$uri" "$keys"
    # One suite that is gone shall not hide the others: what counts is what is found then.
    apt_get update >&2 || echo "tests: not all package lists could be fetched" >&2
    echo open
}

# versions PACKAGE: a line "suite version" for each there is, in the order of the suites.
versions() {
    local suite
    for suite in "${SUITES[@]}"; do
        apt_cache madison "$1" | sed -nE "s#^ *$1 \| *([^ ]+) \| [^ ]+ $suite/main .*#$suite \1#p"
    done
}

# in_suite SUITE PACKAGE...: "PACKAGE=VERSION" for each; asked for at once, for apt takes seconds.
in_suite() {
    local suite=$1
    shift
    apt_cache madison "$@" |
        sed -nE "s#^ *([^ ]+) \| *([^ ]+) \| [^ ]+ $suite/main .* Packages\$#\1=\2#p" |
        awk -F = '!seen[$1]++'
}

# unpack PLACE PACKAGE PATTERN PROGRAM [LIBRARY-PACKAGE...]: the first release whose version begins
# with PATTERN, as PLACE/PROGRAM, with its release's libc and more libraries. Says why not.
unpack() {
    local place=$1 package=$2 pattern=$3 program=$4 suite='' version='' library wanted=()
    shift 4
    read -r suite version < <(versions "$package" | grep -E "^[^ ]+ $pattern") || true
    [ -n "$version" ] || { echo "none of ${SUITES[*]} has it" && return 1; }
    mapfile -t wanted < <(in_suite "$suite" libc6 "$@")
    wanted+=("$package=$version")
    rm -rf "$place" && mkdir -p "$place/deb"
    (cd "$place/deb" && apt_get download "${wanted[@]}") >&2 ||
        { echo "downloading it failed" && return 1; }
    dpkg -x "$place/deb/${package}"_*.deb "$place"
    for library in libc6 "$@"; do dpkg -x "$place/deb/${library}"_*.deb "$place/libc"; done
    rm -r "$place/deb"
    use_own_libraries "$place/$program" "$place/libc" || { echo "patching it failed" && return 1; }
}

# use_own_libraries BINARY ROOT: what starts itself anew by its own name must name its own loader.
use_own_libraries() {
    local loader libraries
    loader=$(find "$2" -name "$(basename "$(patchelf --print-interpreter "$1")")" -print -quit)
    libraries=$(find "$2" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd :)
    # Forced, it is where the libraries' own libraries are looked for as well.
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$1"
}

# obtain_mdadm VARIABLE PLACE PATTERN: exports the path of such an mdadm, unless it is set; else 1
# and why in $reason.
obtain_mdadm() {
    local program=$cache/$2/usr/sbin/mdadm
    [ -z "${!1:-}" ] || return 0
    if ! "$program" --version >/dev/null 2>&1; then
        open_archive || return 1
        reason=$(unpack "$cache/$2" mdadm "$3" usr/sbin/mdadm libudev1) || return 1
        "$program" --version >/dev/null 2>&1 || { reason="it does not run here" && return 1; }
    fi
    export "$1=$program"
}

# obtain_udevadm: exports MDBITMAP_UDEVADM, one that can `verify` rules, unless it is set; else 1 and
# why in $reason. That of the first release does not know how.
obtain_udevadm() {
    local program=$cache/udev/usr/bin/udevadm
    [ -z "${MDBITMAP_UDEVADM:-}" ] || return 0
    if ! "$program" verify --help >/dev/null 2>&1; then
        open_archive || return 1
        reason=$(unpack "$cache/udev" udev '(25[4-9]|2[6-9][0-9]|[3-9][0-9][0-9])' usr/bin/udevadm \
            libsystemd-shared libacl1 libaudit1 libblkid1 libcap2 libcap-ng0 libcrypt1 libmount1 \
            libpam0g libpcre2-8-0 libseccomp2 libselinux1 libssl3t64 libzstd1 zlib1g) || return 1
        "$program" verify --help >/dev/null 2>&1 || { reason="it does not run here" && return 1; }
    fi
    export MDBITMAP_UDEVADM=$program
}

# obtain_raid6check: exports MDBITMAP_RAID6CHECK, mdadm's own judge of RAID6, unless it is set; else 1
# and why in $reason. No package has it: it is built from the source that mdadm's package is built of.
obtain_raid6check() {
    local place=$cache/raid6check
    [ -z "${MDBITMAP_RAID6CHECK:-}" ] || return 0
    if [ ! -x "$place/raid6check" ]; then
        open_archive || return 1
        if ! command -v make >/dev/null || ! command -v cc >/dev/null; then
            reason="there is no C compiler" && return 1
        fi
        rm -rf "$place" && mkdir -p "$place/source"
        build_raid6check "$place" >"$place/log" 2>&1 ||
            { reason="building it failed: $place/log" && return 1; }
        rm -r "$place/source"
    fi
    export MDBITMAP_RAID6CHECK=$place/raid6check
}

# build_raid6check PLACE: of the first suite's source, as it came from its authors.
build_raid6check() {
    (
        cd "$1/source" || exit 1
        apt_get source --download-only "mdadm/${SUITES[0]}"
        tar --strip-components=1 -xf mdadm_*.orig.tar.*
        make raid6check CWFLAGS=-w
        mv raid6check ..
    )
}

# obtain_peers: other releases of mdadm for trials to agree with. What cannot be had is skipped.
obtain_peers() {
    obtain_mdadm MDBITMAP_MDADM_4_4 mdadm-4.4 '4\.4[^0-9]' || echo "skipped: mdadm 4.4: $reason"
    obtain_mdadm MDBITMAP_MDADM_NEW mdadm-new '(4\.([5-9]|[1-9][0-9])|[5-9])' ||
        echo "skipped: mdadm from 4.5 on: $reason"
    obtain_raid6check || echo "skipped: raid6check: $reason"
}
