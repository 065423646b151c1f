# $1 folder of the model, $2 user, $3 address, $4 port, $5 the model cache of the other node.
rsync -a --size-only --mkpath --partial --links --info=progress2 --no-inc-recursive '--exclude=*.incomplete' \
  -e "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 -o Port=$4 -c aes128-gcm@openssh.com" \
  "$hub/$1/" "$2@$3:$5/$1/" &
wait_for_it
