# Removes damaged files of the model's folder $1, so that a download brings them anew: the other arguments name them
# as the repository does, or as `blobs/NAME`. What else the model has stays.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
case "$1" in models--*) ;; *) echo 'not the folder of a model' >&2; exit 64 ;; esac
case "$1" in *[!A-Za-z0-9._-]* | *..*) echo 'not the folder of a model' >&2; exit 64 ;; esac
model="$hub/$1"
shift
[ ! -L "$model" ] || { echo "$model is a link" >&2; exit 65; }
gone() { rm -f -- "$1" || exit 1; }
for file; do
  case "/$file/" in */../* | *//*) continue ;; esac
  case "$file" in
    blobs/*) gone "$model/$file" ;;
    *)
      for place in "$model/snapshots"/*/"$file"; do
        if [ -L "$place" ]; then
          blob=$(readlink "$place")
          gone "$model/blobs/${blob##*/}"
          gone "$place"
        elif [ -f "$place" ]; then gone "$place"
        fi
      done
      ;;
  esac
done
