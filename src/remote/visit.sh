# Starts an attempt unless it was started before, and stays with it until it ends.
lack() {
  missing=
  for tool in $tools ${program:+"$program"}; do
    command -v "$tool" || missing="$missing $tool"
  done
  [ -z "$missing" ] || { say lacks "$missing"; exit 0; }
}
# Whether `sshd` has given us a session of our own, without a terminal: then nothing in it ends with the connection.
leads() {
  read -r stat <"/proc/$$/stat" || return 1
  set -- ${stat##*\)}
  [ "$4" = "$$" ] && [ "$5" = 0 ]
}
begin() {
  boot
  {
    printf '%s' "$text" >"$attempt/script" &&
      printf '%s\n' "$boot_id" >"$attempt/boot" &&
      printf '%s\n' "$token" >"$attempt/token" &&
      printf '%200s\n' ' ' >"$attempt/holder" &&
      printf '%200s\n' ' ' >"$attempt/ended" &&
      : >"$attempt/out" &&
      : >"$attempt/err"
  } || {
    rm -rf "$attempt"
    say cannot "write to $run"
    exit 0
  }
  held="$values
$words"
  if leads; then
    # A fork is ready sooner than another shell.
    (eval "$holding") 3<&- 5>&- 6>&- &
  else
    DRPLAN_HELD=$held setsid sh -c 'attempt=$1 token=$2 limit=$3 held=$DRPLAN_HELD
unset DRPLAN_HELD
eval "$4"' holder "$attempt" "$token" "$limit" "$holding" 3<&- 5>&- 6>&- &
  fi
  held_by=$!
}
# Whether the holder lives; it is told apart from another process that has its number by the start.
lives() {
  read -r holder step begun held <"$attempt/holder"
  [ "$held" = held ] || return 1
  kill -0 "$holder" || return 1
  [ "$begun" = 0 ] || {
    read -r stat <"/proc/$holder/stat" || return 1
    set -- ${stat##*\)}
    # One that was killed stays as a zombie while whoever started it is here.
    [ "$1" != Z ] && [ "${20}" = "$begun" ]
  }
}
# Whether the step itself is at work, also where its holder is gone.
works() {
  [ "$held" = held ] && kill -0 "$step" || return 1
  read -r token <"$attempt/token"
  [ ! -r "/proc/$step/environ" ] || grep -q -s -F "DRPLAN_TOKEN=$token" "/proc/$step/environ"
}
# Says when nobody is left who could write its end down.
watch() {
  missed=0
  while [ "$missed" -lt 3 ]; do
    sleep 3
    if lives || works; then missed=0; else missed=$((missed + 1)); fi
  done
  [ ! -p "$wake" ] || echo gone 1<>"$wake"
}
# Finds how many bytes a file has. Most steps print nothing on one of the streams, and each program started takes its time.
measure() {
  size=0
  [ ! -s "$1" ] || size=$(wc -c <"$1")
  size=$((size))
}
# Sends what stands in a file from some byte on: file, byte, stream.
rest() {
  measure "$1"
  printf '%s rest %s %s\n' "$nonce" "$2" "$((size - $2))" >&"$3"
  [ "$size" -le "$2" ] || tail -c "+$(($2 + 1))" "$1" >&"$3"
}
# The last part alone, where the rest was followed.
recent() {
  measure "$1"
  from=$((size - 65536))
  [ "$from" -ge "$2" ] || from=$2
  rest "$1" "$from" "$3"
}
finish() {
  "$1" "$attempt/out" "$from_out" 5
  "$1" "$attempt/err" "$from_err" 6
  if [ -s "$attempt/output" ]; then
    measure "$attempt/output"
    say output "$size"
    cat "$attempt/output" >&5
  fi
  printf '%s over\n' "$nonce" >&6
  if [ "$mode" = start ] && [ -e "$attempt/stopped" ] && [ "$code" != 0 ]; then
    say stopped
  else
    say over "$code"
  fi
  exit 0
}
# Empties attempts of which the outcome is on record, and removes those that are emptied, and our pipe. Nothing is looked for
# in the folder: it may hold much.
tidy() {
  cd "$run" || return
  # Names of attempts have no blanks, but may have the brackets of an item.
  set -f
  for old in $on_record; do
    for kept in out err output script; do
      [ ! -s "$old/$kept" ] || true >"$old/$kept"
    done
  done
  set -- $emptied ${wake:+"$wake"}
  [ "$#" = 0 ] || rm -rf "$@"
}
# Waits for the end of a short step, or until whoever visits says that it is none.
short() {
  trap : USR1
  # Told again and again, since the first may come before the wait.
  (read -r late <&3; while kill -s USR1 "$$"; do sleep 1; done) 5>&- 6>&- &
  late=$!
  wait "$held_by"
  kill "$late"
  wait "$late"
}
# Sees to it that somebody is at work at an attempt that others have started.
found() {
  read -r booted <"$attempt/boot"
  boot
  # Somebody may be starting it at this moment.
  [ -z "$booted" ] || [ "$booted" = "$boot_id" ] || { say rebooted; exit 0; }
  for pause in 1 1 2 4 0; do
    ! lives || break
    ! over || { tidy; finish rest; }
    ! works || break
    [ "$pause" != 0 ] || { say gone; exit 0; }
    sleep "$pause"
  done
}
visit() {
  fresh=no
  if [ ! -d "$attempt" ]; then
    [ "$mode" = start ] || { say absent; exit 0; }
    lack
    [ -d "$run" ] || mkdir -p "$run" || { say cannot "make the folder $run"; exit 0; }
    if first; then
      begin
      fresh=yes
    elif [ ! -d "$attempt" ]; then
      say cannot "write to $run"
      exit 0
    fi
  fi
  wake=
  here
  if [ "$fresh" = yes ]; then
    # All that a short step gives is sent at its end, without the programs that follow a long one.
    short
  else
    on_record= emptied=
    # Whoever waits here for a connection that is gone may go.
    for waiting in "$attempt"/wake.*; do
      # The name goes first: whoever has opened the pipe by then hears the word, and nobody opens it after that.
      [ ! -p "$waiting" ] || { rm -f "$waiting"; echo leave >&9; } 9<>"$waiting"
    done
  fi
  ! over || { tidy; finish rest; }
  wake=$attempt/wake.$$
  true >"$attempt/awaited"
  mkfifo "$wake" && exec 8<>"$wake"
  [ "$fresh" = yes ] || found
  tail -c "+$((from_out + 1))" -f "$attempt/out" >&5 3<&- 6>&- 8<&- &
  out=$!
  tail -c "+$((from_err + 1))" -f "$attempt/err" >&6 3<&- 5>&- 8<&- &
  err=$!
  (cat <&3; echo cut >&8) 5>&- 6>&- &
  link=$!
  (watch) 3<&- 5>&- 6>&- 8<&- &
  watcher=$!
  exec 3<&-
  until over; do
    # A host that has no room for a pipe is looked at again and again.
    if [ -p "$wake" ]; then read -r word <&8; else sleep 1; word=; fi
    [ "$word" != cut ] && [ "$word" != leave ] && [ "$word" != gone ] || break
  done
  kill "$out" "$err" "$link" "$watcher"
  wait "$out" "$err"
  tidy
  ! over || finish recent
  [ "$word" != gone ] || say gone
  exit 0
}
visit
