# Holds one attempt of a step on this host, in a session without a terminal, which no connection can end.
# It has: `attempt`, its token, the seconds after which it is ended (0: never), and `held`: the values, and the words of the
# program as `set --`.
script=$attempt/script
trap : HUP TERM INT
# Values may bring another PATH; where it nearly always lies, no process is started to find it.
setsid=/usr/bin/setsid
[ -x "$setsid" ] || setsid=$(command -v setsid)
work() {
  eval "$held"
  export DRPLAN_OUTPUT="$attempt/output" DRPLAN_TOKEN="$token"
  exec "$setsid" "$@"
}
(work) </dev/null >>"$attempt/out" 2>>"$attempt/err" &
step=$!
# A fork of the shell that visits has another number than `$$` says.
if read -r stat </proc/self/stat; then
  self=${stat%% *}
  # The name of the program may hold blanks; after its parenthesis there are only numbers.
  set -- ${stat##*\)}
  begun=${20}
else
  self=$(exec sh -c 'echo "$PPID"')
  begun=0
fi
printf '%s %s %s held\n' "$self" "$step" "$begun" 1<>"$attempt/holder"
guard=
if [ "$limit" -gt 0 ]; then
  "$setsid" sh -c 'sleep "$1"; kill -s TERM -- "-$2"; sleep 10; kill -s KILL -- "-$2"' drplan "$limit" "$step" >/dev/null 2>&1 &
  guard=$!
fi
while :; do
  wait "$step"
  code=$?
  # A signal to us ends the wait before its time.
  kill -0 "$step" 2>/dev/null || break
done
[ -z "$guard" ] || kill -s TERM -- "-$guard" 2>/dev/null
# The file has had its room since before the start: a full disk cannot take the outcome away.
printf 'ended %s \n' "$code" 1<>"$attempt/ended"
[ ! -e "$attempt/awaited" ] || for waiting in "$attempt"/wake.*; do
  [ ! -p "$waiting" ] || echo end 1<>"$waiting"
done
