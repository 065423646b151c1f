# A shell that waits for a program in the foreground is deaf to TERM until that has ended.
wait_for_it() {
  child=$!
  wait "$child"
  finish $?
}
