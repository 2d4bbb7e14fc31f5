# shellcheck shell=bash
# Installing what is missing, where that can be done without asking. Sourced by scripts/servers.

# Installs the Debian packages given, or says in one sentence what to do.
install_packages() {
    if [[ $EUID != 0 || ! -x $(command -v apt-get) ]]; then
        fail "not installed: $*; install them (Debian, Ubuntu: sudo apt-get install --no-install-recommends $*) or name running servers in TEST_AMQP_URL and TEST_DATABASE_URL"
    fi
    say "installing $* with apt-get; no service will be started"
    (
        # Other tests may find the same packages missing at the same time.
        exec 9>/run/invoice-dispatcher-install.lock
        flock 9
        # invoke-rc.d asks this file whether a package may start its service; 101 is no.
        local policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            trap 'rm -f "$policy"' EXIT
            trap 'exit 1' INT TERM HUP
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
        fi
        export DEBIAN_FRONTEND=noninteractive
        if [[ " $* " == *" postfix "* ]] && command -v debconf-set-selections >/dev/null; then
            echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
        fi
        {
            apt-get -q -o DPkg::Lock::Timeout=600 update &&
                apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"
        } </dev/null >&2 9>&-
    ) || fail "apt-get could not install $*; its own words stand above"
}
