JOB
command -v setsid >/dev/null 2>&1 || { echo 'setsid: not found' >&2; exit 127; }
setsid nohup /bin/sh "$dir/run" "$@" </dev/null >>"$dir/log" 2>&1 &
tries=0
begun() { now=$(cat "$dir/pid" 2>/dev/null); [ -n "$now" ] && [ "$now" != "$before" ]; }
at_work() { ! flock -n "$dir/lock" true 2>/dev/null; }
found() { begun || { [ -n "$before" ] && at_work; }; }
while ! found && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
found || { echo 'the job did not begin' >&2; exit 70; }
printf 'started\n'
