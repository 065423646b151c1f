# Facts of a node that its launch commands rest on, one a line, fields split by tabs.
# The arguments are image references, and `ping=ADDRESS=BYTES` for every address to reach over the fabric.
row() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; printf '\n'; }
sys="${HOST_SYS:-/sys}"
dev="${HOST_DEV:-/dev}"
row home "$HOME"
row user "$(id -un 2>/dev/null)" "$(id -u)" "$(id -g)"
row hub "${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
# A frame of full size that may not be split; else a small one. Each row is one write, so they cannot mix.
reach() {
  if ! command -v ping >/dev/null 2>&1; then row ping "$1" "$2" unknown
  elif ping -n -q -c 1 -W 1 -M do -s "$2" "$1" >/dev/null 2>&1; then row ping "$1" "$2" whole
  elif ping -n -q -c 1 -W 1 "$1" >/dev/null 2>&1; then row ping "$1" "$2" small
  else row ping "$1" "$2" silent; fi
}
for word; do
  case "$word" in ping=*) word="${word#ping=}"; reach "${word%=*}" "${word#*=}" & ;; esac
done

if [ -d "$dev/infiniband" ]; then row infiniband yes; else row infiniband no; fi

# The index of the RoCE v2 entry that belongs to an IPv4 address, in the device's own table.
gid_index() {
  want=$(printf '%s\n' "$2" | awk -F. '{printf "0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x", $1, $2, $3, $4}')
  for entry in "$sys/class/infiniband/$1/ports/1/gids"/*; do
    [ -r "$entry" ] || continue
    index="${entry##*/}"
    [ "$(cat "$entry" 2>/dev/null)" = "$want" ] || continue
    case "$(cat "$sys/class/infiniband/$1/ports/1/gid_attrs/types/$index" 2>/dev/null)" in
      *"RoCE v2"*) printf '%s' "$index"; return ;;
    esac
  done
}

for device in "$sys/class/infiniband"/*; do
  [ -e "$device" ] || continue
  name="${device##*/}"
  state=$(cat "$device/ports/1/state" 2>/dev/null)
  for net in "$device/device/net"/*; do
    [ -e "$net" ] || continue
    interface="${net##*/}"
    mtu=$(cat "$sys/class/net/$interface/mtu" 2>/dev/null)
    operational=$(cat "$sys/class/net/$interface/operstate" 2>/dev/null)
    for address in $(ip -br -4 addr 2>/dev/null | awk -v i="$interface" '$1 == i {for (n = 3; n <= NF; n++) print $n}'); do
      row fabric "$name" "$interface" "$address" "$state" "$operational" "$mtu" "$(gid_index "$name" "${address%/*}")"
    done
  done
done

if runtimes=$(docker info --format '{{json .Runtimes}}' 2>/dev/null); then
  case "$runtimes" in *nvidia*) row runtime nvidia ;; *) row runtime none ;; esac
fi
for image; do
  case "$image" in ping=*) continue ;; esac
  if facts=$(docker image inspect --format '{{.Id}} {{.Architecture}} {{json .Config.Entrypoint}}' "$image" 2>&1); then
    row image "$image" "$facts"
  else
    case "$facts" in
      *[Nn]'o such image'* | *'not found'*) row absent "$image" ;;
      *) row unknown "$image" "$(printf '%s' "$facts" | tr '\n\t' '  ' | cut -c1-200)" ;;
    esac
  fi
done
wait
# Last, so that the answer is as old as the reading.
row clock "$(date -u +%s)"
row end
