# What every visit to an attempt knows.
umask 077
exec 3<&0 5>&1 6>&2 </dev/null >/dev/null 2>/dev/null
# Where a login begins.
cd "${HOME:-/}"
base=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/drplan
run=$base/$run_id
attempt=$run/$name
say() { printf '%s %s\n' "$nonce" "$*" >&5; }
# From now on what comes is the command's own.
here() {
  printf '%s here\n' "$nonce" >&6
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
# Whether nobody was here before: of all who try to make this folder one makes it, which is what makes a start happen once.
first() { mkdir "$attempt"; }
# Whether the attempt has ended, and with which exit code.
over() { read -r ended code <"$attempt/ended" && [ "$ended" = ended ] && [ -n "$code" ]; }
