# shellcheck shell=bash
# A private RabbitMQ in $dir/rabbitmq, as the caller's user, with an epmd of its own. Sourced by scripts/servers.

# Prints the folder of RabbitMQ's own commands. Debian's wrappers in /usr/sbin insist on root or rabbitmq: passed by.
rabbitmq_commands() {
    local wrapper candidate newest=
    wrapper=$(command -v rabbitmq-server || true)
    for candidate in "${RABBITMQ_SBIN:-}" \
        $(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | sort -V) \
        /opt/rabbitmq/sbin "${wrapper:+$(dirname "$(readlink -f "$wrapper")")}"; do
        if [[ -x $candidate/rabbitmq-server && -f $candidate/rabbitmq-env ]]; then
            newest=$candidate
            [[ $candidate != "${RABBITMQ_SBIN:-}" ]] || break
        fi
    done
    [[ -n $newest ]] && echo "$newest"
}

# Prints the Erlang port mapper's path; distributions that hide it keep it in Erlang's own folder.
epmd_command() {
    command -v epmd || printf '%s\n' /usr/lib/erlang/erts-*/bin/epmd | sort -V | tail -n 1
}

rabbitmq_found() {
    rabbitmq_commands >/dev/null && [[ -x $(epmd_command) ]] && command -v erl >/dev/null
}

# Chooses ports and a password; they stay for the folder's life, so that a restarted server has the same address.
rabbitmq_settle() {
    local folder=$1 port distribution_port epmd_port
    port=$(free_port) distribution_port=$(free_port) epmd_port=$(free_port)
    mkdir -p "$folder/home" "$folder/data"
    cat >"$folder/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$port
default_user = dispatcher
default_pass = $(new_password)
log.console = true
log.console.level = info
log.file = false
END
    echo '[].' >"$folder/enabled_plugins"
    cat >"$folder/environment" <<END
HOME=$folder/home
LANG=C.UTF-8
ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_PORT=$epmd_port
RABBITMQ_NODENAME=dispatcher@localhost
RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
RABBITMQ_NODE_PORT=$port
RABBITMQ_DIST_PORT=$distribution_port
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}
RABBITMQ_MNESIA_BASE=$folder/data
RABBITMQ_LOG_BASE=$folder/data
RABBITMQ_LOGS=-
RABBITMQ_GENERATED_CONFIG_DIR=$folder/data/config
RABBITMQ_ENABLED_PLUGINS_FILE=$folder/enabled_plugins
RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf
RABBITMQ_CONF_ENV_FILE=$folder/no-environment-file
RUNNING_UNDER_SYSTEMD=true
END
}

# Reads the settled environment into the array `environment` and its ports into `port` and `epmd_port`.
rabbitmq_environment() {
    local line
    environment=("PATH=$PATH")
    while IFS= read -r line; do
        environment+=("$line")
        case $line in
            RABBITMQ_NODE_PORT=*) port=${line#*=} ;;
            ERL_EPMD_PORT=*) epmd_port=${line#*=} ;;
        esac
    done <"$1/environment"
}

# Starts the server and returns when it takes connections; 2 if a port was taken meanwhile.
rabbitmq_launch() {
    local folder=$1 environment port epmd_port commands
    commands=$(rabbitmq_commands)
    rabbitmq_environment "$folder"
    # Erlang walks through every possible file number at start; containers allow a milliard of them.
    if [[ $(ulimit -n) == unlimited || $(ulimit -n) -gt 65536 ]]; then
        ulimit -n 65536
    fi
    if ! runs "$folder/epmd.pid"; then
        (detached env -i "${environment[@]}" "$(epmd_command)" -port "$epmd_port" -address 127.0.0.1) \
            </dev/null >"$folder/epmd.log" 2>&1 &
        remember "$folder/epmd.pid" $!
    fi
    # RUNNING_UNDER_SYSTEMD makes the start script become the server, so that the number is the server's own.
    (cd / && detached env -i "${environment[@]}" "$commands/rabbitmq-server") </dev/null >"$folder/log" 2>&1 &
    remember "$folder/rabbitmq.pid" $!
    while runs "$folder/rabbitmq.pid"; do
        [[ ! -e $dir/cancelled ]] || return 1
        if grep -qE 'completed with|startup complete' "$folder/log" && rabbitmq_answers "$port"; then
            return 0
        fi
        sleep 0.1
    done
    if grep -qiE 'eaddrinuse|address (already )?in use|already (running|used)|already in use' "$folder/log" "$folder/epmd.log"; then
        return 2
    fi
    return 1
}

# Whether an AMQP 0-9-1 server greets on port $1: its Connection.Start is a method frame, whose first octet is 1.
rabbitmq_answers() {
    local octet=
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'AMQP\0\0\11\1' >&3
        IFS= read -r -N 1 -t 5 octet <&3
        [[ $octet == $'\1' ]]
    ) 2>/dev/null
}

rabbitmq_start() {
    local folder=$1 tries=0 result=0 environment port epmd_port
    if runs "$folder/rabbitmq.pid"; then
        return 0
    fi
    local fresh=true
    [[ ! -e $folder/environment ]] || fresh=false
    while true; do
        if $fresh; then
            rm -rf "$folder"
            mkdir -p "$folder"
            rabbitmq_settle "$folder"
        fi
        result=0
        rabbitmq_launch "$folder" || result=$?
        if [[ $result == 0 ]]; then
            break
        fi
        end_process "$folder/rabbitmq.pid" KILL 5
        [[ ! -e $dir/cancelled ]] || return 1
        if [[ $result != 2 || $((tries += 1)) -ge 5 ]]; then
            tail -n 30 "$folder/log" "$folder/epmd.log" >&2
            say "RabbitMQ did not start; the end of its log stands above"
            return 1
        fi
        if $fresh; then
            end_process "$folder/epmd.pid" TERM 5
        fi
    done
    rabbitmq_environment "$folder"
    local password
    password=$(sed -n 's/^default_pass = //p' "$folder/rabbitmq.conf")
    echo "TEST_AMQP_URL=amqp://dispatcher:$password@127.0.0.1:$port/%2f" >"$folder/url"
    say "RabbitMQ answers on 127.0.0.1:$port"
}

# Ends the server: $2 is TERM (orderly: it writes everything down) or KILL (as by a power failure).
rabbitmq_stop() {
    end_process "$1/rabbitmq.pid" "$2" 60
}

# Runs rabbitmqctl against the private server.
rabbitmq_control() {
    local folder=$1 environment port epmd_port
    shift
    rabbitmq_environment "$folder"
    exec env -i "${environment[@]}" "$(rabbitmq_commands)/rabbitmqctl" "$@"
}
