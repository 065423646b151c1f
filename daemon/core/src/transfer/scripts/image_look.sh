# What the registry has for $1: its manifest, and, with $2, the manifest of that digest.
if [ -n "$2" ]; then docker manifest inspect "$2"; else docker manifest inspect "$1"; fi
