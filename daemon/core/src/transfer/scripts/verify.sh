# $1 repository, $2 revision or nothing, $3 folder of the model. A client that cannot compare is too old to ask for:
# then the blobs that are named by their checksum are compared with their names, in the words of the client.
blobs_verify() {
  bad=$(find "$hub/$1/blobs" -type f 2>/dev/null | sed -n 's:.*/\([0-9a-f]\{64\}\)$:\1:p' | sort | while read -r blob; do
    sum=$(sha256sum <"$hub/$1/blobs/$blob" | cut -c 1-64)
    [ "$sum" != "$blob" ] || continue
    file=$(find "$hub/$1/snapshots" -type l -lname "*/$blob" -printf '%P\n' 2>/dev/null | head -n 1)
    [ -n "$file" ] && file="${file#*/}" || file="blobs/$blob"
    printf '  - %s: expected %s (sha256), got %s\n' "$file" "$blob" "$sum"
  done)
  [ -n "$bad" ] || { echo 'every blob is what its name says'; return 0; }
  printf 'Checksum verification failed for the following file(s):\n%s\n' "$bad"
  return 1
}
verify() {
  if hf_run cache verify --help >/dev/null 2>&1; then hf_run cache verify "$1" ${2:+"--revision=$2"}
  else blobs_verify "$3"
  fi
}
verify "$1" "$2" "$3" &
wait_for_it
