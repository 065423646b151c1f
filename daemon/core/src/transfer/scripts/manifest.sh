# What a download would bring, and what room there is. $1 repository, $2 its folder, $3 revision or nothing, then
# --include=… and --exclude=… words. Writes nothing.
repo="$1" folder="$2" revision="$3"
shift 3
[ -z "$revision" ] || set -- "--revision=$revision" "$@"
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
row() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; printf '\n'; }
row have "$(find "$hub/$folder/blobs" "$hub/$folder/snapshots" -type f ! -name '*.incomplete' -printf '%i %s\n' 2>/dev/null |
  sort -u | awk '{sum += $2} END {printf "%.0f", sum}')"
place="$hub"
while [ ! -d "$place" ] && [ -n "${place%/*}" ]; do place="${place%/*}"; done
row free "$(df -B1 --output=avail -- "$place" 2>/dev/null | tail -n 1 | tr -d ' ')"
[ -w "$place" ] || row unwritable "$place"
other=$(find "$hub" -maxdepth 3 -path "*$folder*" ! -user "$(id -un)" -print -quit 2>/dev/null)
[ -z "$other" ] || row foreign "$other"
# For a client that has no dry run: the Hub itself is asked. The token is read from the environment.
hub_sizes() {
  command -v python3 >/dev/null 2>&1 || return
  python3 - "$@" <<'PYTHON' 2>/dev/null
import fnmatch, json, os, sys, urllib.request
repo, revision, words = sys.argv[1], sys.argv[2] or 'main', sys.argv[3:]
base = os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')
request = urllib.request.Request('%s/api/models/%s/revision/%s?blobs=true' % (base, repo, revision.replace('/', '%2F')))
token = os.environ.get('HF_TOKEN')
if token:
    request.add_header('Authorization', 'Bearer ' + token)
files = json.load(urllib.request.urlopen(request, timeout=60))['siblings']
pick = lambda name: [word.split('=', 1)[1] for word in words if word.startswith(name + '=')]
include, exclude = pick('--include'), pick('--exclude')
match = lambda name, patterns: any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
print(sum(file.get('size') or 0 for file in files
          if (not include or match(file['rfilename'], include)) and not match(file['rfilename'], exclude)))
PYTHON
}
said=$(hf_run download "$repo" "$@" --dry-run 2>&1)
row status "$?"
printf '%s\n' "$said" | tr '\r\t' '\n ' | sed 's/\x1b\[[0-9;]*m//g' | grep -v '^ *$' | tail -n 400 | sed 's/^/said\t/'
case "$said" in
  *'No such option'* | *'unrecognized arguments'*) row exact "$(hub_sizes "$repo" "$revision" "$@")" ;;
esac
row end
