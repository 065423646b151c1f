# Makes the link $2 below the model's folder $1 lead to $3.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
link="$hub/$1/$2"
mkdir -p "${link%/*}" || exit 73
ln -sfn "$3" "$link"
