# shellcheck shell=bash
# The package of scripts/package, on a machine without Java: sourced after test.sh.

# Installs the package, hides Java, and puts the installed program on PATH.
install_package() {
    local package
    package=$(echo "$HERE"/../../../target/ublk-zoned_*_amd64.deb)
    [[ -e $package ]] || fail "there is no package: run scripts/package"
    mountpoint -q /usr/lib/jvm || mount -t tmpfs no-java /usr/lib/jvm
    mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
    # The folder of the checkout is not for apt's own user, and the guest's dpkg leaves documents out.
    apt-get install -y -o APT::Sandbox::User=root -o 'DPkg::Options::=--path-include=/usr/share/*' "$package" >apt.txt 2>&1 ||
        fail "apt-get install: $(<apt.txt)"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    expect_equal "the path of ublk-zoned" "$(type -P ublk-zoned)" /usr/bin/ublk-zoned
}

# Removes the package, and verifies that nothing of it is left.
purge_package() {
    apt-get purge -y ublk-zoned >apt.txt 2>&1 || fail "apt-get purge: $(<apt.txt)"
    umount /usr/lib/jvm
    find / -xdev \( -path /proc -o -path /sys -o -path "$SCRATCH" \) -prune -o -name '*ublk*zoned*' -print |
        grep -v '^/usr/local/bin/ublk-zoned$' >left.txt || true
    expect_equal "what purge leaves" "$(<left.txt)" ''
}
