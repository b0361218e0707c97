# Processes by session, from /proc alone: a fresh machine may have no ps.
# Sourced by .ci/run.

# session_pids SESSION: the processes of this session that still run.
session_pids() {
    local stat fields state of
    for stat in /proc/[0-9]*/stat; do
        # Gone meanwhile: no matter.
        { read -r fields <"$stat"; } 2>/dev/null || continue
        # The command, in parentheses, may hold anything; after it: state, parent, group, session.
        read -r state _ _ of _ <<<"${fields##*) }"
        if [[ $of == "$1" && $state != Z ]]; then
            printf '%s\n' "${fields%% *}"
        fi
    done
}

# session_show SESSION: one line for each of its processes.
session_show() {
    local pid
    for pid in $(session_pids "$1"); do
        printf '  %s %s\n' "$pid" "$({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null)"
    done
}

# session_is_over SESSION SECONDS: waits that long for its last process to end.
session_is_over() {
    local tries=$(($2 * 10))
    while [[ -n $(session_pids "$1") ]]; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

# session_end SESSION: asks its processes to end, then ends them.
session_end() {
    local pid
    for pid in $(session_pids "$1"); do
        kill -TERM "$pid" 2>/dev/null || true
    done
    if session_is_over "$1" 10; then
        # Bare, within a trap, it would return the status from before the trap.
        return 0
    fi
    for pid in $(session_pids "$1"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}
