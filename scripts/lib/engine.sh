# shellcheck shell=bash
# A Docker engine of the caller's own, and images made here for those that it cannot fetch. Sourced by
# scripts/compose-check, which sets `work` and has `say` and `fail`.

# Starts dockerd with everything of its own below folder $1; the client's DOCKER_HOST names it from here on.
engine_start() {
    [[ $EUID == 0 ]] || fail "--stand-ins starts an engine of its own: be root"
    local command
    for command in dockerd docker iptables ip debootstrap; do
        command -v "$command" >/dev/null ||
            fail "$command is not installed (Debian: apt-get install docker.io docker-compose iptables iproute2 debootstrap)"
    done
    # Engines share the machine's bridge and its packet filter's chains.
    ! ip link show docker0 >/dev/null 2>&1 || fail "another engine runs, or has run, on this machine: docker0 is there"
    forwarding=$(</proc/sys/net/ipv4/ip_forward)
    policy=$(iptables --list-rules FORWARD | sed -n 's/^-P FORWARD //p')
    mkdir --parents "$1"
    engine_data=$(realpath "$1")
    engine_run=$work/run
    mkdir "$engine_run"
    export DOCKER_HOST=unix://$engine_run/docker.sock DOCKER_CONFIG=$engine_run/config
    dockerd --data-root "$engine_data" --exec-root "$engine_run/exec" --host "$DOCKER_HOST" \
        --pidfile "$engine_run/pid" >"$engine_run/log" 2>&1 &
    engine_pid=$!
    local deadline=$((SECONDS + 60))
    until docker version >/dev/null 2>&1; do
        if ! kill -0 "$engine_pid" 2>/dev/null || ((SECONDS >= deadline)); then
            tail -20 "$engine_run/log" >&2
            fail "the engine does not start"
        fi
        sleep 0.5
    done
    say "an engine of our own runs: $(docker version --format '{{.Server.Version}}')"
}

# Ends the engine, and takes back what it changed on the machine.
engine_stop() {
    [[ ${engine_pid:-} ]] || return 0
    kill "$engine_pid" 2>/dev/null
    wait "$engine_pid" 2>/dev/null
    ip link delete docker0 2>/dev/null
    local table
    for table in filter nat; do
        engine_forget "$table"
    done
    iptables --policy FORWARD "$policy"
    echo "$forwarding" >/proc/sys/net/ipv4/ip_forward
    if [[ $engine_data == "$work"/* ]]; then
        rm -rf "$engine_data"
    fi
}

# Deletes the engine's rules and chains from a table of the packet filter: first what points to them.
engine_forget() {
    local rule chain
    while read -r rule; do
        # The words of a rule hold no blanks here.
        # shellcheck disable=SC2086
        iptables --table "$1" ${rule/#-A/-D}
    done < <(iptables --table "$1" --list-rules | grep -- '^-A' | grep -e DOCKER -e docker0)
    for chain in $(iptables --table "$1" --list-rules | sed -n 's/^-N \(DOCKER.*\)/\1/p'); do
        iptables --table "$1" --flush "$chain"
    done
    for chain in $(iptables --table "$1" --list-rules | sed -n 's/^-N \(DOCKER.*\)/\1/p'); do
        iptables --table "$1" --delete-chain "$chain"
    done
}

# Whether the engine has this image.
has_image() {
    docker image inspect "$1" >/dev/null 2>&1
}

# Makes the base image $2 of Debian's suite $1.
make_base() {
    has_image "$2" && return
    say "making $2 by debootstrap"
    debootstrap --variant=minbase "$1" "$work/$1" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/$1.log" 2>&1 ||
        { tail -5 "$work/$1.log" >&2 && fail "debootstrap of $1"; }
    tar --create --directory="$work/$1" . | docker import - "$2" >/dev/null
    rm -rf "${work:?}/$1"
}

# Builds the stand-in of folder $1 under the name $2.
make_stand_in() {
    has_image "$2" || say "making a stand-in for $2 of Debian's packages"
    docker build --quiet --tag "$2" "scripts/stand-ins/$1" >/dev/null || fail "the stand-in for $2 cannot be built"
}

# The image that docker-compose.yml names for this service.
image_of() {
    sed -n "/^  $1:/,/^  [a-z]/s/^    image: //p" docker-compose.yml
}

# Every image that the composition and our Dockerfile take from a registry.
make_stand_ins() {
    make_base bookworm debian:bookworm-slim
    make_base trixie debian:trixie-slim
    local service rust
    for service in postgres rabbitmq mailpit; do
        make_stand_in "$service" "$(image_of "$service")"
    done
    [[ ! ${binary:-} ]] || return 0
    rust=$(sed -n 's/^FROM \(rust:[^ ]*\) AS build$/\1/p' Dockerfile)
    has_image "$rust" && return
    say "making a stand-in for $rust of this machine's toolchain and certificate authorities"
    mkdir "$work/rust" "$work/rust/toolchain"
    cp scripts/stand-ins/rust/Dockerfile "$work/rust/"
    cp --recursive "$(rustc --print sysroot)"/{bin,lib} "$work/rust/toolchain/"
    # Behind a proxy that opens TLS one reaches crates.io by that one's authority only.
    cp --dereference "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$work/rust/authorities.crt"
    docker build --quiet --tag "$rust" "$work/rust" >/dev/null || fail "the stand-in for $rust cannot be built"
    rm -rf "$work/rust"
}
