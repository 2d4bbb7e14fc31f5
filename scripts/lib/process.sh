# shellcheck shell=bash
# Processes that outlive the command that started them: remembered by number and birth, ended only if still the same.
# Sourced by scripts/servers and scripts/test.

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

say() {
    echo "servers: $*" >&2
}

# Sets `born` to the moment at which process $1 was started; fails if it has ended (a zombie has).
birth_of() {
    local stat fields
    born=
    if [[ -r /proc/self/stat ]]; then
        { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
        # The name, in brackets, may itself hold blanks and brackets: the fields begin after the last one.
        read -ra fields <<<"${stat##*) }"
        [[ ${fields[0]} != [ZX] ]] || return 1
        born=${fields[19]}
    else
        stat=$(ps -o stat=,lstart= -p "$1") || return 1
        [[ $stat != Z* ]] || return 1
        born=${stat#* }
    fi
}

# Writes process $2, just started, down in file $1; from here on it is no job of this shell.
remember() {
    birth_of "$2" || true
    echo "$2 $born" >"$1"
    disown "$2"
}

# Whether the process written down in file $1 still runs; sets `pid`. Numbers are used again, births are not.
runs() {
    local recorded
    { read -r pid recorded <"$1"; } 2>/dev/null || return 1
    birth_of "$pid" && [[ $born == "$recorded" ]]
}

# Ends the process of file $1 by signal $2, by KILL after $3 seconds; returns when it has gone.
end_process() {
    local deadline=$((SECONDS + $3))
    if runs "$1"; then
        kill -s "$2" "$pid" 2>/dev/null || true
    fi
    while runs "$1"; do
        if ((SECONDS >= deadline)); then
            kill -s KILL "$pid" 2>/dev/null || true
        fi
        sleep 0.05
    done
    rm -f "$1"
}

# Ends every process of group $1, by KILL after $2 seconds.
end_group() {
    local deadline=$((SECONDS + $2))
    kill -s TERM -- "-$1" 2>/dev/null || return 0
    while group_runs "$1"; do
        if ((SECONDS >= deadline)); then
            kill -s KILL -- "-$1" 2>/dev/null || true
            return 0
        fi
        sleep 0.05
    done
}

# Whether a process of group $1 runs (where /proc tells, zombies do not count).
group_runs() {
    local stat text fields
    kill -s 0 -- "-$1" 2>/dev/null || return 1
    [[ -r /proc/self/stat ]] || return 0
    for stat in /proc/[0-9]*/stat; do
        { read -r text <"$stat"; } 2>/dev/null || continue
        read -ra fields <<<"${text##*) }"
        if [[ ${fields[2]} == "$1" && ${fields[0]} != [ZX] ]]; then
            return 0
        fi
    done
    return 1
}

# Runs a command in a session of its own, so that a terminal's Ctrl-C does not reach it.
detached() {
    if command -v setsid >/dev/null; then
        exec setsid "$@"
    fi
    exec "$@"
}

# Prints a loopback port on which no server listens, below the range that outgoing connections take theirs from.
free_port() {
    local port
    while true; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# Prints a password of 32 hexadecimal digits.
new_password() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}
