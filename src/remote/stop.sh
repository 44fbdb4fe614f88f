# Sends a signal to all that an attempt has started: its group, and those that left it, by the token in their environment.
if [ ! -d "$attempt" ] && mkdir -p "$run" && first; then
  # Whoever is still on the way to start it comes too late.
  : >"$attempt/out"
  : >"$attempt/err"
  : >"$attempt/stopped"
  echo 'ended 143 ' >"$attempt/ended"
elif ! over; then
  # Whoever looks for it later learns that it did not end by itself.
  : >"$attempt/stopped"
fi
read -r holder step begun held <"$attempt/holder"
read -r token <"$attempt/token"
if [ "$held" = held ]; then
  over || kill -s "$signal" -- "-$step"
  for left in $(grep -l -s -F "DRPLAN_TOKEN=$token" /proc/[0-9]*/environ); do
    left=${left#/proc/}
    kill -s "$signal" "${left%/environ}"
  done
fi
printf '%s over\n' "$nonce" >&6
say over 0
exit 0
