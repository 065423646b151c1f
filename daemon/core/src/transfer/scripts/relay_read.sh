# Piece $3 of $4 MiB of file $2 of the model's folder $1, as base64.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
dd if="$hub/$1/$2" bs=1M skip="$(($3 * $4))" count="$4" 2>/dev/null | base64 -w 0
