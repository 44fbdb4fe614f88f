# Carries out a command that only looks; it ends with the connection.
script=$base/look.$$
told=$base/told.$$
setsid=$(command -v setsid)
look() {
  if [ -n "$text" ]; then
    # On a full disk the text is an argument after all: a look at that very disk must be possible.
    { mkdir -p "$base" && printf '%s' "$text" >"$script"; } || words=$plain
  fi
  if [ -n "$mark" ]; then
    { mkdir -p "$base" && : >"$told"; } || exit 1
    DRPLAN_OUTPUT=$told
    export DRPLAN_OUTPUT
  fi
  eval "$values
$words"
  exec ${setsid:+"$setsid"} "$@"
}
here
(look) >&5 2>&6 3<&- 5>&- 6>&- &
looking=$!
(cat <&3; kill -s TERM -- "-$looking") 5>&- 6>&- &
link=$!
exec 3<&-
wait "$looking"
code=$?
kill "$link"
# What it has written to $DRPLAN_OUTPUT comes behind what it has printed.
[ ! -f "$told" ] || { printf '\n%s\n' "$mark"; cat "$told"; } >&5
rm -f "$script" "$told"
printf '%s over\n' "$nonce" >&6
say over "$code"
exit 0
