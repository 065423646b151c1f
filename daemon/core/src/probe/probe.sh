# One look at a node. Sections begin with @@name; @rc= is the status of the tool above it. With the argument
# `full` it also reads what changes seldom or costs the node more: the RDMA addresses and the kernel's log.
DEPTH=$1
P=${HOST_PROC:-/proc} S=${HOST_SYS:-/sys} E=${HOST_ETC:-/etc}

section() { printf '\n@@%s\n' "$1"; }

# The first line of a file without starting a program; empty when there is none.
line() { v=; if [ -r "$1" ]; then IFS= read -r v <"$1"; fi 2>/dev/null; }

keys() { [ -r "$1" ] && grep -E "$2" "$1" 2>/dev/null; }

tool() { seconds=$1; shift; timeout -k 1 "$seconds" "$@" 2>&1; printf '\n@rc=%s\n' "$?"; }

gpu() {
  timeout -k 1 8 nvidia-smi "--query-gpu=$1" --format=csv,noheader,nounits 2>&1
  rc=$?
}

# Everything is gathered first and written at once: each small write would be a packet of its own, and cost
# the reader a wake-up.
look() {
section id
line "$P/sys/kernel/hostname"; printf 'hostname=%s\n' "$v"
line "$P/sys/kernel/osrelease"; printf 'kernel=%s\n' "$v"
line "$P/sys/kernel/random/boot_id"; printf 'boot_id=%s\n' "$v"
line "$P/uptime"; printf 'uptime=%s\n' "$v"
line "$P/loadavg"; printf 'loadavg=%s\n' "$v"
line "$S/class/dmi/id/product_name"; printf 'product=%s\n' "$v"
keys "$E/dgx-release" '^DGX_(SWBUILD|OTA)_VERSION='
keys "$E/os-release" '^PRETTY_NAME='

section cpu
line "$P/stat"; printf '%s\n' "$v"
printf 'cores=%s\n' "$(grep -c '^cpu[0-9]' "$P/stat" 2>/dev/null)"

section mem
keys "$P/meminfo" '^(MemTotal|MemFree|MemAvailable|SwapTotal|SwapFree):'

section psi
[ -r "$P/pressure/memory" ] && cat "$P/pressure/memory" 2>/dev/null

section gpu
R=clocks_throttle_reasons
out=$(gpu name,driver_version,pstate,temperature.gpu,utilization.gpu,power.draw,clocks.sm,clocks.max.sm,$R.hw_slowdown,$R.hw_thermal_slowdown,$R.sw_thermal_slowdown,$R.sw_power_cap,$R.hw_power_brake_slowdown; printf '\n@rc=%s\n' "$rc")
case $out in
  *'not a valid field'*)
    printf '@short\n'
    gpu name,temperature.gpu,utilization.gpu,power.draw,clocks.sm
    printf '\n@rc=%s\n' "$rc" ;;
  *) printf '%s\n' "$out" ;;
esac

section apps
apps=$(timeout -k 1 8 nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv,noheader,nounits 2>&1; printf '\n@rc=%s\n' "$?")
printf '%s\n' "$apps"
printf '%s\n' "$apps" | while IFS=, read -r pid rest; do
  case $pid in '' | *[!0-9]*) continue ;; esac
  [ -r "$P/$pid/cgroup" ] || continue
  while IFS= read -r group; do printf '@cgroup=%s %s\n' "$pid" "$group"; done <"$P/$pid/cgroup"
done

section temp
for z in "$S"/class/thermal/thermal_zone*; do
  [ -r "$z/temp" ] || continue
  line "$z/type"; kind=$v
  line "$z/temp"; printf '%s\t%s\n' "$kind" "$v"
done
for h in "$S"/class/hwmon/hwmon*; do
  line "$h/name"; chip=$v
  for f in "$h"/temp*_input; do
    [ -r "$f" ] || continue
    line "${f%_input}_label"; label=$v
    line "$f"; printf '%s\t%s\n' "$chip${label:+ $label}" "$v"
  done
done

section disk
cache=${HF_HOME:-$HOME/.cache/huggingface}
[ -d "$cache" ] || cache=$HOME
images=/var/lib/docker
[ -d "$images" ] || images=/
tool 5 df -PB1 -- / "$cache" "$images"

section net
tool 3 ip -br -4 addr
for n in "$S"/class/net/*; do
  [ -e "$n/device" ] || continue
  printf '@if=%s' "${n##*/}"
  for f in operstate carrier speed mtu carrier_changes statistics/rx_bytes statistics/tx_bytes; do
    line "$n/$f"; printf '\t%s=%s' "${f##*/}" "$v"
  done
  printf '\n'
done

section roce
for d in "$S"/class/infiniband/*; do
  [ -e "$d/ports/1" ] || continue
  line "$d/ports/1/state"; state=$v
  line "$d/ports/1/rate"; rate=$v
  for n in "$d"/device/net/*; do break; done
  printf '%s\t%s\t%s\t%s\n' "${d##*/}" "${n##*/}" "$state" "$rate"
done

if [ "$DEPTH" = full ]; then
section gids
for d in "$S"/class/infiniband/*; do
  for g in "$d"/ports/1/gids/*; do
    line "$g"
    # Only entries that stand for an IPv4 address; most of the table is empty.
    case $v in 0000:0000:0000:0000:0000:ffff:*) gid=$v ;; *) continue ;; esac
    line "$d/ports/1/gid_attrs/types/${g##*/}"
    case $v in *'RoCE v2'*) printf '%s\t%s\t%s\n' "${d##*/}" "${g##*/}" "$gid" ;; esac
  done
done

section kernel
timeout -k 1 4 journalctl -k -q --no-pager --no-hostname --output=short-unix --since=-15min 2>/dev/null |
  grep -E 'NVRM: Xid|NV_ERR_NO_MEMORY|oom-kill:|Out of memory: Killed process' | tail -n 8
fi

section docker
tool 10 docker ps -a --no-trunc --format '{{json .}}'

section ports
tool 3 ss -H -ltn

section end
}

seen=$(look)
printf '%s\n' "$seen"
