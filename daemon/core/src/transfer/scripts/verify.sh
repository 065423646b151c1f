# $1 repository, $2 revision or nothing.
hf_run cache verify "$1" ${2:+"--revision=$2"} &
wait_for_it
