/**
 * Starts a server that belongs to one process.
 *
 * Arguments: a directory to remove in the end, or nothing; then the command of the server.
 * At the end of the pipe the watchdog kills the server, a stopped one too, and removes the
 * directory. Words from the pipe: `gone`: the server has ended, do not kill it; `done`: there is
 * nothing left to do.
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
