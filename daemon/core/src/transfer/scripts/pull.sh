# $1 image.
docker pull --platform=linux/arm64 "$1" &
wait_for_it
