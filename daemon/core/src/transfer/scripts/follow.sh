# How a job is: $1 names its folder, $2 is the folder of the model that grows, or nothing.
# One line a fact, fields split by tabs; the last line is `end`.
dir="$HOME/.cache/spark-control/jobs/$1"
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
row() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; printf '\n'; }
boot=$(cat "${HOST_PROC:-/proc}/sys/kernel/random/boot_id" 2>/dev/null)
alive() {
  [ -n "$pid" ] && [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$start" ]
}
pid='' start='' begun=''
[ ! -s "$dir/pid" ] || read -r pid start begun <"$dir/pid"
case "$pid$start" in *[!0-9]*) pid='' ;; esac
rc=''
[ ! -s "$dir/rc" ] || read -r rc <"$dir/rc"
if [ -z "$pid" ]; then row state absent
elif [ "$rc" != running ] && [ -n "$rc" ]; then row state ended "$rc"
elif [ "$begun" = "$boot" ] && alive; then row state running
elif [ "$begun" != "$boot" ]; then row state restarted
else row state gone
fi
if [ -n "$2" ] && [ -d "$hub/$2" ]; then
  # Unfinished files of an earlier, ended client do not count: they are never finished.
  marker="$dir/started"
  [ -e "$marker" ] || marker=/proc/self
  row bytes "$({
    find "$hub/$2/blobs" "$hub/$2/snapshots" -type f ! -name '*.incomplete' -printf '%i %s\n'
    find "$hub/$2/blobs" -type f -name '*.incomplete' -newer "$marker" -printf '%i %s\n'
  } 2>/dev/null | sort -u | awk '{sum += $2} END {printf "%.0f", sum}')"
elif [ -n "$2" ]; then row bytes 0
fi
place="$hub"
while [ ! -d "$place" ] && [ -n "${place%/*}" ]; do place="${place%/*}"; done
row free "$(df -B1 --output=avail -- "$place" 2>/dev/null | tail -n 1 | tr -d ' ')"
if [ -f "$dir/count" ]; then
  row copied "$(tail -c 400 "$dir/count" | tr '\r' '\n' | awk '/copied/ {n = $1} END {printf "%.0f", n}')"
fi
if [ -f "$dir/log" ]; then
  if grep -q ': Pulling fs layer\|: Already exists' "$dir/log"; then
    row layers "$(grep -c ': Pulling fs layer\|: Already exists' "$dir/log")" \
      "$(grep -c ': Pull complete\|: Already exists' "$dir/log")" \
      "$(grep -c ': Download complete\|: Pull complete\|: Already exists' "$dir/log")"
  fi
  tail -c 6000 "$dir/log" | tr '\r\t' '\n ' | grep -v '^ *$' | tail -n 30 | sed 's/^/log\t/'
fi
row end
