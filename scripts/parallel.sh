# For scripts to read in: for_each FUNCTION NAME... calls a function with each of some names, as many at once as there are
# processors; fails if one fails.
for_each() {
  local what=$1 name running=0 failed=0
  shift
  for name in "$@"; do
    if [ "$running" -eq "$(nproc)" ]; then
      wait -n || failed=1
      running=$((running - 1))
    fi
    "$what" "$name" &
    running=$((running + 1))
  done
  while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
  done
  return "$failed"
}
