# shellcheck shell=bash
# Running tests against private servers that end with the command, however it ends. Sourced by scripts/test and
# scripts/prove, after scripts/lib/process.sh.

job=''
work=$(mktemp -d "${TMPDIR:-/tmp}/invoice-dispatcher-test.XXXXXX")

# shellcheck disable=SC2329 # called by the trap
finish() {
    local status=$?
    trap '' EXIT INT TERM HUP
    [[ -z $job ]] || end_group "$job" 5
    scripts/servers stop "$work"
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Adds up cargo's own result lines; a step that failed before any test ran has none.
summary() {
    awk '/^test result: / {
            for (word = 1; word < NF; word++) {
                if ($(word + 1) ~ /^passed/) passed += $word
                if ($(word + 1) ~ /^failed/) failed += $word
                if ($(word + 1) ~ /^ignored/) ignored += $word
            }
        }
        END { printf "%d passed, %d failed%s\n", passed, failed, ignored ? ", " ignored " ignored" : "" }' "$1"
}

# Says in a few lines which tests failed and why: the full output, backtraces included, may fill thousands.
reasons() {
    awk '/^---- .* stdout ----$/ { name = $2; next }
        name != "" && / panicked at / { print "failed: " name; sub(/.* panicked at /, "    at "); print; left = 5; next }
        left > 0 && /^(stack backtrace:|note: |$)/ { left = 0; name = "" }
        left > 0 { print "    " substr($0, 1, 1000); left-- }' "$1"
}

# Runs the command or function $@ with private servers for what TEST_AMQP_URL and TEST_DATABASE_URL do not name; prints
# how many tests passed, and exits with its result.
with_servers() {
    local name value printer result
    scripts/servers start "$work" --watch $$ --with-python --with-openssl </dev/null
    while IFS='=' read -r name value; do
        export "$name=$value"
    done <"$work/env"
    mkdir "$work/tmp"
    chmod 711 "$work" "$work/tmp"
    export TMPDIR=$work/tmp

    # A process group of its own, so that whatever the tests started can be ended with them.
    mkfifo "$work/tmp/output"
    tee "$work/tmp/log" <"$work/tmp/output" &
    printer=$!
    set -m
    "$@" </dev/null >"$work/tmp/output" 2>&1 &
    job=$!
    set +m
    echo "$job" >"$work/group"
    result=0
    wait "$job" || result=$?
    end_group "$job" 5
    job=''
    rm -f "$work/group"
    wait "$printer"
    summary "$work/tmp/log"
    [[ $result == 0 ]] || {
        reasons "$work/tmp/log"
        echo "not everything passed: what failed, or ended early, stands above" >&2
    }
    exit "$result"
}
