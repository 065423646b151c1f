# $1 repository, $2 revision or nothing, then --include=… and --exclude=… words.
repo="$1"
revision="$2"
shift 2
[ -z "$revision" ] || set -- "--revision=$revision" "$@"
hf_run download "$repo" "$@" &
wait_for_it
