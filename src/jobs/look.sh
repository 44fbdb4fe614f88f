# Tells of paths of this machine: for each pair of a question and a path what there is to tell, then the mark and how that ended.
LC_ALL=C TZ=UTC
export LC_ALL TZ
mark=$1
shift
read_with() {
  if [ -e "$path" ] && [ ! -f "$path" ]; then
    echo 'it is no regular file'
    return 1
  fi
  "$@" 2>&1
}
while [ $# -gt 0 ]; do
  path=$2
  case $1 in
    metadata) stat -L -c '%f %u %g %h %s %Y' -- "$path" 2>&1 ;;
    link_metadata) stat -c '%f %u %g %h %s %Y' -- "$path" 2>&1 ;;
    link) readlink -- "$path" 2>&1 ;;
    head) read_with head -c 256 -- "$path" ;;
    beginning) read_with head -c 1048577 -- "$path" ;;
    end)
      bytes=$(stat -L -c %s -- "$path" 2>/dev/null)
      if [ "${bytes:-0}" -gt 1048576 ] && [ -r "$path" ]; then
        read_with tail -c 1048576 -- "$path" | sed 1d
      else
        read_with cat -- "$path"
      fi
      ;;
    entries) ls -A -- "$path/" 2>&1 ;;
  esac
  printf '\n%s %s\n' "$mark" "$?"
  shift 2
done
