# Deletes exactly one model of the cache and its locks: $1 is its folder. The name is checked once more here.
case "$1" in
  models--*) ;;
  *) echo 'not the folder of a model' >&2; exit 64 ;;
esac
case "$1" in *[!A-Za-z0-9._-]* | *..*) echo 'not the folder of a model' >&2; exit 64 ;; esac
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
hub=$(cd "$hub" 2>/dev/null && pwd -P) || { echo absent; exit 0; }
[ ! -L "$hub/$1" ] || { echo "$hub/$1 is a link" >&2; exit 65; }
[ ! -L "$hub/.locks" ] || { echo "$hub/.locks is a link" >&2; exit 65; }
if [ ! -d "$hub/$1" ]; then rm -rf -- "$hub/.locks/$1"; echo absent; exit 0; fi
rm -rf -- "$hub/$1" "$hub/.locks/$1" || exit 1
echo deleted
