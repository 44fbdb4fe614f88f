# What every visit to an attempt knows.
umask 077
exec 3<&0 5>&1 6>&2 </dev/null >/dev/null 2>/dev/null
# Where a login begins.
cd "${HOME:-/}"
base=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/drplan
run=$base/$RUN
dir=$run/$NAME
say() { printf '%s %s\n' "$NONCE" "$*" >&5; }
# From now on what comes is the command's own.
here() {
  printf '%s here\n' "$NONCE" >&6
  say here
}
boot() {
  boot_id=unknown
  if [ -r /proc/sys/kernel/random/boot_id ]; then
    read -r boot_id </proc/sys/kernel/random/boot_id
  elif command -v sysctl; then
    boot_id=$(sysctl -n kern.boottime)
  fi
}
# Whether the attempt has ended, and with which exit code.
over() { read -r ended code <"$dir/ended" && [ "$ended" = ended ] && [ -n "$code" ]; }
