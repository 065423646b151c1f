# The images of a node with the containers that were made from them.
row() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; printf '\n'; }
ids=$(docker images -q --no-trunc) || exit 1
for id in $(printf '%s\n' "$ids" | sort -u); do
  docker image inspect --format '{{.Id}} {{.Architecture}} {{.Size}} {{.Created}} {{json .RepoTags}}' "$id" 2>/dev/null |
    sed 's/^/image\t/'
done
docker ps -a --no-trunc --format '{{.Image}} {{.Names}}' 2>/dev/null | sed 's/^/container\t/'
row end
