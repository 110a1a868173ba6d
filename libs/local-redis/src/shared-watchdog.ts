/**
 * Starts a server that several processes share and that ends with the last of them.
 *
 * Arguments: a name; then the command of the server. The working directory then has a queue (FIFO) `NAME.PID`, which
 * each user holds open for writing: the kernel counts them, and closes the ends of killed ones. The script passes the
 * pipe of the process that starts the server on to the queue, so that process is a user from the beginning. When the
 * last one is gone, the watchdog ends the server (in order; with SIGKILL if that takes over ten seconds), and then
 * removes the queue. The queue gets its name when it has a reader, and before the server runs: a queue that nobody
 * reads belongs to a server that is ending or has ended.
 *
 * A process that opens the queue just as the last user leaves could come too late. So it writes the name of a file
 * `join.…`, and is a user once the watchdog has removed that file. The word `gone` says that the server has ended by
 * itself.
 */
export const sharedWatchdog = `
new=$PWD/new.$$
users=$PWD/$1.$$
shift
mkfifo "$new" || exit
cat <&3 3<&- >"$new" 2>/dev/null &
exec 4<"$new" 3<&-
mv "$new" "$users"
(
  server=$$
  while read -r word; do
    case $word in
      gone) server=; break ;;
      join.*) rm -f -- "$word" ;;
    esac
  done
  exec </dev/null
  if [ "$server" ]; then
    kill -TERM "$server"
    kill -CONT "$server"
    tries=0
    while [ $tries -lt 100 ] && kill -0 "$server"; do
      tries=$((tries + 1))
      sleep 0.1
    done
    kill -KILL "$server"
  fi
  rm -f -- "$users"
) <&4 4<&- >/dev/null 2>&1 &
exec "$@" 4<&-
`;
