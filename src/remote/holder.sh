# Holds one attempt of a step on this host, in a session without a terminal, which no connection can end.
# Arguments: the attempt's folder, its token, the seconds after which it is ended (0: never).
dir=$1 script=$1/script token=$2 limit=$3
held=$DRPLAN_HELD
unset DRPLAN_HELD
trap : HUP TERM INT
# Values may bring another PATH; where it nearly always lies, no process is started to find it.
setsid=/usr/bin/setsid
[ -x "$setsid" ] || setsid=$(command -v setsid)
work() {
  # The values, and the words of the program as `set --`.
  eval "$held"
  export DRPLAN_OUTPUT="$dir/output" DRPLAN_TOKEN="$token"
  exec "$setsid" "$@"
}
(work) </dev/null >>"$dir/out" 2>>"$dir/err" &
step=$!
unset held
begun=
if [ -r "/proc/$$/stat" ]; then
  read -r stat <"/proc/$$/stat"
  # The name of the program may hold blanks; after its parenthesis there are only numbers.
  set -- ${stat##*)}
  begun=${20}
fi
printf '%s %s %s held\n' "$$" "$step" "${begun:-0}" 1<>"$dir/holder.pid"
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
printf 'ended %s \n' "$code" 1<>"$dir/ended"
for waiting in "$dir"/w.*; do
  [ ! -p "$waiting" ] || echo end 1<>"$waiting"
done
