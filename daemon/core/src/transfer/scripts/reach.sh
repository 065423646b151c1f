# Whether this node can log in to another one by itself: $1 user, $2 address, $3 port.
ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 -o "Port=$3" -l "$1" "$2" true
