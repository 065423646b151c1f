# hf_run WORDS: the Hugging Face client with these words, whichever way this node has it.
hf_run() {
  HF_HUB_DISABLE_PROGRESS_BARS=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DOWNLOAD_TIMEOUT="${HF_HUB_DOWNLOAD_TIMEOUT:-60}"
  NO_COLOR=1
  export HF_HUB_DISABLE_PROGRESS_BARS HF_HUB_DISABLE_TELEMETRY HF_HUB_DOWNLOAD_TIMEOUT NO_COLOR
  if command -v hf >/dev/null 2>&1; then hf "$@"
  elif command -v uvx >/dev/null 2>&1; then uvx hf "$@"
  elif [ -x "$HOME/.local/bin/hf" ]; then "$HOME/.local/bin/hf" "$@"
  elif command -v huggingface-cli >/dev/null 2>&1; then huggingface-cli "$@"
  else hf_in_image "$@"
  fi
}
# Every vLLM image has the client. It runs as the login user, so that no file of the cache becomes root's.
hf_in_image() {
  image=$(docker images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -i vllm | grep -v '<none>' | head -n 1)
  [ -n "$image" ] || { echo 'spark-control: no runner: neither hf, uvx, huggingface-cli nor a vLLM image is on this node' >&2; return 127; }
  hub_here="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
  case "$hub_here" in "~/"*) hub_here="$HOME/${hub_here#??}" ;; esac
  mkdir -p "$hub_here" || return 73
  token_file="${HF_TOKEN_PATH:-${HF_HOME:-$HOME/.cache/huggingface}/token}"
  # Only names of variables are on the command line; their values stay in the environment.
  token_place=/dev/null
  [ -n "$HF_TOKEN" ] || [ ! -r "$token_file" ] || token_place="$token_file"
  docker run --rm --name "sparkctl-${name:-look-$$}" --user "$(id -u):$(id -g)" --entrypoint hf \
    -v "$hub_here:/hub" -v "$token_place:/run/hf_token:ro" -e HF_TOKEN -e HF_TOKEN_PATH=/run/hf_token \
    -e HF_HUB_CACHE=/hub -e HF_HOME=/tmp/hf -e HF_HUB_DISABLE_PROGRESS_BARS -e HF_HUB_DOWNLOAD_TIMEOUT \
    -e HF_HUB_DISABLE_TELEMETRY -e HF_XET_HIGH_PERFORMANCE -e HF_HUB_DISABLE_XET -e HF_ENDPOINT "$image" "$@"
}
