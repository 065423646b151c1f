# The QSFP ports of a node, one thing a line, fields split by tabs.
S=${HOST_SYS:-/sys}
addresses=$(ip -br -4 addr 2>/dev/null)
line() { v=; if [ -r "$1" ]; then IFS= read -r v <"$1"; fi 2>/dev/null; }
for d in "$S"/class/infiniband/*; do
  [ -e "$d/ports/1" ] || continue
  for n in "$d"/device/net/*; do
    [ -e "$n" ] || continue
    interface=${n##*/}
    line "$d/ports/1/state"; state=$v
    printf 'port\t%s\t%s\t%s' "${d##*/}" "$interface" "$state"
    for f in operstate carrier speed mtu; do
      line "$S/class/net/$interface/$f"; printf '\t%s' "$v"
    done
    printf '\n'
  done
  for g in "$d"/ports/1/gids/*; do
    line "$g"
    case $v in 0000:0000:0000:0000:0000:ffff:*) gid=$v ;; *) continue ;; esac
    line "$d/ports/1/gid_attrs/types/${g##*/}"
    case $v in *'RoCE v2'*) printf 'gid\t%s\t%s\t%s\n' "${d##*/}" "${g##*/}" "$gid" ;; esac
  done
done
printf '%s\n' "$addresses" | while read -r name state all; do
  for address in $all; do printf 'address\t%s\t%s\n' "${name%%@*}" "$address"; done
done
echo end
