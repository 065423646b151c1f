# Ends a job: TERM to its process group, KILL after ten seconds, and only if the process is still the one that
# was started. $1 names its folder.
dir="$HOME/.cache/spark-control/jobs/$1"
boot=$(cat "${HOST_PROC:-/proc}/sys/kernel/random/boot_id" 2>/dev/null)
pid='' start='' begun=''
[ ! -s "$dir/pid" ] || read -r pid start begun <"$dir/pid"
case "$pid$start" in *[!0-9]*) pid='' ;; esac
ours() {
  [ -n "$pid" ] && [ "$pid" -gt 1 ] && [ "$begun" = "$boot" ] &&
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$start" ]
}
# The group outlives its first process where a child does not listen.
group() { kill -0 "-$pid" 2>/dev/null; }
if ours; then
  kill -TERM "-$pid" 2>/dev/null
  tries=0
  while group && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  ! group || kill -KILL "-$pid" 2>/dev/null
fi
# A container does not end with the client that started it.
if command -v docker >/dev/null 2>&1; then docker rm -f "sparkctl-$1" >/dev/null 2>&1; fi
tries=0
while ours && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
if ours; then echo 'it does not end' >&2; exit 75; fi
printf 'ended\n'
