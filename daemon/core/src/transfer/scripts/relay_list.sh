# The files of a model's folder $1: kind (f or l), size, name below the folder, where a link leads.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
[ ! -d "$hub/$1" ] || find "$hub/$1" -mindepth 1 \( -type f -o -type l \) ! -name '*.incomplete' ! -path '*/.no_exist/*' \
  -printf '%y\t%s\t%P\t%l\n'
printf 'end\n'
