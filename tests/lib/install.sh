# shellcheck shell=sh
# Installs what the tests need. Sourced, not run; POSIX sh.
#
# The tools are taken from the distribution's own package source, whatever that is on this machine.
# Nothing is removed or upgraded, nothing is asked, and no service is started for mdadm.

# install_plain_tier: what the tests without a kernel need; the answer is as below.
install_plain_tier() {
    kernel_tier_packages=
    kernel_tier_need cc build-essential
    kernel_tier_need mdadm mdadm
    kernel_tier_need losetup mount
    kernel_tier_need shellcheck shellcheck
    kernel_tier_need xz xz-utils
    kernel_tier_need mandoc mandoc
    kernel_tier_need zsh zsh
    kernel_tier_need fish fish
    kernel_tier_install
}

# install_kernel_tier: 0 when everything is there (or was installed), 1 with the reason on stderr.
install_kernel_tier() {
    kernel_tier_packages=
    kernel_tier_need "${MDBITMAP_KERNEL:-linux.uml}" user-mode-linux
    kernel_tier_need mdadm mdadm
    kernel_tier_need mkfs.ext4 e2fsprogs
    kernel_tier_need mkfs.xfs xfsprogs
    kernel_tier_need mkfs.btrfs btrfs-progs
    kernel_tier_need insmod kmod
    kernel_tier_need losetup mount
    kernel_tier_need umount mount
    kernel_tier_need sha256sum coreutils
    kernel_tier_need udevadm udev
    kernel_tier_install
}

# install_package_tier: for making a Debian package, and for a system to install it in.
install_package_tier() {
    kernel_tier_packages=
    kernel_tier_need dpkg-shlibdeps dpkg-dev
    kernel_tier_need lintian lintian
    kernel_tier_need debootstrap debootstrap
    kernel_tier_need unshare util-linux
    kernel_tier_install
}

# install_patchelf: for kernels of other releases.
install_patchelf() {
    kernel_tier_packages=
    kernel_tier_need patchelf patchelf
    kernel_tier_install
}

# kernel_tier_install: installs what was remembered.
kernel_tier_install() {
    [ -n "$kernel_tier_packages" ] || return 0

    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "tests: missing packages:$kernel_tier_packages (install them as root)" >&2
        return 1
    fi
    echo "tests: installing$kernel_tier_packages" >&2
    # The package lists are fetched only when installing without them fails: that is the slow part.
    kernel_tier_apt || { apt-get -qq update >&2 && kernel_tier_apt; } || {
        echo "tests: could not install$kernel_tier_packages" >&2
        return 1
    }
}

# kernel_tier_need PROGRAM PACKAGE: remembers the package when the program is not there.
kernel_tier_need() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 && return 0
    case " $kernel_tier_packages " in
        *" $2 "*) ;;
        *) kernel_tier_packages="$kernel_tier_packages $2" ;;
    esac
}

# The policy script keeps maintainer scripts from starting services; a machine's own one stays.
kernel_tier_apt() {
    kernel_tier_policy=/usr/sbin/policy-rc.d
    kernel_tier_ours=
    if [ ! -e "$kernel_tier_policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$kernel_tier_policy" && chmod 755 "$kernel_tier_policy"
        kernel_tier_ours=yes
    fi
    # Word splitting of the package list is wanted.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 install $kernel_tier_packages >&2 </dev/null
    kernel_tier_status=$?
    [ -z "$kernel_tier_ours" ] || rm -f "$kernel_tier_policy"
    return "$kernel_tier_status"
}
