# What a node has of a model, and what holds it. $1 folder, $2 repository. Changes nothing.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
row() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; printf '\n'; }
model="$hub/$1"
row path "$model"
if [ -L "$model" ]; then row link "$(readlink "$model")"
elif [ -d "$model" ]; then
  row size "$(find "$model" -type f -printf '%D:%i %s\n' 2>/dev/null | sort -u | awk '{sum += $2} END {printf "%.0f", sum}')"
  row used "$(find "$model/blobs" "$model/snapshots" -type f ! -name '*.json' -printf '%A@\n' 2>/dev/null | sort -n | tail -n 1 | cut -d . -f 1)"
  [ -z "$(find "$model/blobs" -name '*.incomplete' -mmin -1 -print -quit 2>/dev/null)" ] || row growing yes
  locked=$(find "$model" -type d ! -writable -print -quit 2>/dev/null)
  [ -z "$locked" ] || row locked "$locked"
  [ -w "$hub" ] || row locked "$hub"
else row absent yes
fi
# Containers that run and name the model: whoever started them.
docker ps -q 2>/dev/null | while read -r id; do
  docker inspect --format '{{.Name}} {{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.Labels}}' "$id" 2>/dev/null
done | while IFS= read -r line; do
  rest="${line#* }"
  case "$rest" in *"\"$2\""* | *"=$2\""* | *"/$1"[/\"]*) container="${line%% *}"; row container "${container#/}" ;; esac
done
row end
