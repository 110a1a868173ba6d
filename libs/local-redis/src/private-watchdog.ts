/**
 * Starts a server that belongs to one process.
 *
 * Arguments: a directory to remove at the end, or an empty one; then the command of the server. When the pipe ends, the
 * watchdog kills the server, even a stopped one, and removes the directory. Words from the pipe: `gone`: the server has
 * ended, do not kill it; `done`: there is nothing left to do.
 */
export const privateWatchdog = `
remove=$1
shift
(
  cd /
  server=$$
  while read -r word; do
    case $word in
      gone) server= ;;
      done) exit ;;
    esac
  done
  if [ "$server" ]; then kill -KILL "$server"; fi
  # A dying server can still create a file.
  tries=0
  while [ "$remove" ] && [ -e "$remove" ] && [ $tries -lt 50 ]; do
    rm -rf -- "$remove" || sleep 0.1
    tries=$((tries + 1))
  done
) <&3 3<&- >/dev/null 2>&1 &
exec "$@" 3<&-
`;
