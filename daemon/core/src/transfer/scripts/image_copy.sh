# $1 image, $2 user, $3 address, $4 port. The count of bytes is what dd tells, over and over, in one file.
{
  docker save "$1"
  echo $? >"$dir/save"
} | dd bs=1M status=progress 2>"$dir/count" | ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new \
  -o ConnectTimeout=10 -o "Port=$4" -o Compression=no -c aes128-gcm@openssh.com -l "$2" "$3" docker load &
child=$!
wait "$child"
loaded=$?
saved=$(cat "$dir/save" 2>/dev/null)
[ "$loaded" -ne 0 ] || loaded="${saved:-1}"
finish "$loaded"
