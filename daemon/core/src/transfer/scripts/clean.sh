# Forgets jobs that have ended. The arguments name their folders.
for name; do
  case "$name" in '' | *[!a-z0-9.-]* | .*) continue ;; esac
  rm -rf -- "$HOME/.cache/spark-control/jobs/$name"
done
