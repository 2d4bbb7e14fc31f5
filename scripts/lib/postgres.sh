# shellcheck shell=bash
# A private PostgreSQL in $dir/postgres. Sourced by scripts/servers.

# Prints the folder of the newest server's binaries.
postgres_commands() {
    local candidate newest=
    for candidate in $(printf '%s\n' /usr/pgsql-*/bin /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin | sort -V) \
        "$(pg_config --bindir 2>/dev/null || true)" "${POSTGRES_BIN:-}"; do
        if [[ -x $candidate/postgres && -x $candidate/initdb ]]; then
            newest=$candidate
        fi
    done
    [[ -n $newest ]] && echo "$newest"
}

postgres_found() {
    postgres_commands >/dev/null
}

# Sets `as_owner` to what a command must be prefixed with: PostgreSQL refuses to run as root.
postgres_owner() {
    as_owner=()
    owner=
    if [[ $EUID == 0 ]]; then
        owner=postgres
        id "$owner" >/dev/null 2>&1 || owner=nobody
        as_owner=(setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups)
    fi
}

# Makes the cluster. `fsync` stays on: what the tests say about durability has to mean something.
postgres_settle() {
    local folder=$1 as_owner owner commands port password
    commands=$(postgres_commands)
    postgres_owner
    port=$(free_port) password=$(new_password)
    mkdir -p "$folder/data"
    echo "$password" >"$folder/password"
    if [[ -n $owner ]]; then
        chmod 711 "$dir" "$folder"
        chown "$owner" "$folder/data" "$folder/password"
        "${as_owner[@]}" test -w "$folder/data" || {
            say "PostgreSQL does not run as root, and user $owner cannot reach $folder: choose a folder below /tmp"
            return 1
        }
    fi
    (cd / && env -i PATH="$PATH" LANG=C "${as_owner[@]}" "$commands/initdb" --pgdata "$folder/data" \
        --username dispatcher --pwfile "$folder/password" --auth scram-sha-256 \
        --encoding UTF8 --locale C --no-sync) </dev/null >"$folder/log" 2>&1 || return 1
    cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 300
timezone = 'UTC'
log_timezone = 'UTC'
END
    echo "$port" >"$folder/port"
}

# Starts the server and returns when it takes connections; 2 if its port was taken meanwhile.
postgres_launch() {
    local folder=$1 as_owner owner commands status
    commands=$(postgres_commands)
    postgres_owner
    (cd / && detached env -i PATH="$PATH" LANG=C "${as_owner[@]}" "$commands/postgres" -D "$folder/data") \
        </dev/null >"$folder/log" 2>&1 &
    remember "$folder/postgres.pid" $!
    while runs "$folder/postgres.pid"; do
        [[ ! -e $dir/cancelled ]] || return 1
        # The first line is the server's number, the eighth its state: an old file says nothing of this start.
        status=$(cat "$folder/data/postmaster.pid" 2>/dev/null || true)
        if [[ ${status%%$'\n'*} == "$pid" && ${status##*$'\n'} == ready* ]]; then
            return 0
        fi
        sleep 0.05
    done
    if grep -qi 'address already in use' "$folder/log"; then
        return 2
    fi
    return 1
}

postgres_start() {
    local folder=$1 tries=0 result=0 fresh=true
    if runs "$folder/postgres.pid"; then
        return 0
    fi
    [[ ! -e $folder/port ]] || fresh=false
    while true; do
        result=0
        if $fresh; then
            rm -rf "$folder"
            mkdir -p "$folder"
            postgres_settle "$folder" || result=1
        fi
        if [[ $result == 0 ]]; then
            postgres_launch "$folder" || result=$?
        fi
        if [[ $result == 0 ]]; then
            break
        fi
        end_process "$folder/postgres.pid" QUIT 5
        [[ ! -e $dir/cancelled ]] || return 1
        if [[ $result != 2 || $((tries += 1)) -ge 5 ]]; then
            tail -n 30 "$folder/log" >&2
            say "PostgreSQL did not start; the end of its log stands above"
            return 1
        fi
    done
    echo "TEST_DATABASE_URL=postgres://dispatcher:$(cat "$folder/password")@127.0.0.1:$(cat "$folder/port")/postgres" >"$folder/url"
    say "PostgreSQL answers on 127.0.0.1:$(cat "$folder/port")"
}

# Ends the server: $2 is INT (orderly: connections are cut, everything is written down) or QUIT (at once, without a
# checkpoint: the next start recovers from the log as after a crash, but no shared memory is left behind).
postgres_stop() {
    end_process "$1/postgres.pid" "$2" 60
}
