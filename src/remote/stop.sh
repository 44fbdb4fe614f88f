# Sends a signal to all that an attempt has started: its group, and those that left it, by the token in their environment.
if [ ! -d "$dir" ] && mkdir -p "$run" && mkdir "$dir"; then
  # Whoever is still on the way to start it comes too late.
  : >"$dir/out"
  : >"$dir/err"
  : >"$dir/stopped"
  echo 'ended 143 ' >"$dir/ended"
elif ! over; then
  # Whoever looks for it later learns that it did not end by itself.
  : >"$dir/stopped"
fi
read -r holder step begun held <"$dir/holder.pid"
read -r token <"$dir/token"
if [ "$held" = held ]; then
  over || kill -s "$SIGNAL" -- "-$step"
  for left in $(grep -l -s -F "DRPLAN_TOKEN=$token" /proc/[0-9]*/environ); do
    left=${left#/proc/}
    kill -s "$SIGNAL" "${left%/environ}"
  done
fi
printf '%s over\n' "$NONCE" >&6
say over 0
exit 0
