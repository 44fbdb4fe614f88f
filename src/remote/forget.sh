# Removes what is left of a run whose outcomes are all on record.
rm -rf "$run"
printf '%s over\n' "$nonce" >&6
[ ! -e "$run" ] || { say cannot "remove $run"; exit 0; }
say over 0
exit 0
