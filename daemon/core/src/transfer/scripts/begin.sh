# Starts a job that outlives this session, or finds it at work. $1 is the name of its folder, the rest are the
# job's own words. The job itself is the text down to the line JOB, a file in the folder; no value is in it.
umask 077
jobs="$HOME/.cache/spark-control/jobs"
dir="$jobs/$1"
shift
mkdir -p "$dir" || exit 73
chmod 700 "$jobs" "$dir"
find "$jobs" -mindepth 1 -maxdepth 1 -type d -mtime +14 ! -path "$dir" -exec rm -rf {} + 2>/dev/null
before=$(cat "$dir/pid" 2>/dev/null)
cat >"$dir/run.new" <<'JOB' && mv "$dir/run.new" "$dir/run" || exit 73
dir="${0%/*}"
name="${dir##*/}"
exec 9>"$dir/lock"
# Of two that were started only the first works.
if command -v flock >/dev/null 2>&1; then flock -n 9 || exit 0; fi
# The room for the status is taken now: at the end the disk may be full.
printf '%-8s\n' running >"$dir/rc"
: >"$dir/started"
start=$(sed 's/.*) //' "/proc/$$/stat" | cut -d ' ' -f 20)
boot=$(cat "${HOST_PROC:-/proc}/sys/kernel/random/boot_id" 2>/dev/null)
printf '%s %s %s\n' "$$" "$start" "$boot" >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
finish() { printf '%-8s\n' "$1" | dd of="$dir/rc" conv=notrunc 2>/dev/null; exit "$1"; }
trap 'finish 143' TERM INT
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
