# The programs as they are shipped keep their promises: the acceptance stories, in the three arrangements there are.
{ pkgs, programs }:
pkgs.runCommand "messenger-stories"
  {
    nativeBuildInputs = [
      programs.chat
      programs.auth
      programs.messenger
      programs.acceptance
      pkgs.curl
      pkgs.postgresql_17
    ];
    chat = "127.0.0.1:8080";
    auth = "127.0.0.1:3000";
  }
  ''
    export HOME=$TMPDIR CHAT_LISTEN=$chat AUTH_LISTEN=$auth AUTH_SIGNUP_RATE=0 CHAT_MESSAGE_RATE=0
    pids=()
    start() {
      echo "--- $*"
      "$@" & pids+=($!)
    }
    is_well() {
      curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-connrefused "http://$1/healthz"
    }
    # Whoever is asked to end has ten seconds, and ends well.
    stop() {
      kill -TERM "''${pids[@]}"
      for pid in "''${pids[@]}"; do wait "$pid"; done
      pids=()
    }

    start messenger --database "sqlite:$TMPDIR/messenger.db"
    is_well $auth; is_well $chat
    acceptance --chat ws://$chat --auth http://$auth
    stop

    export PGDATA=$TMPDIR/postgres
    initdb --username messenger --auth trust --encoding UTF8 --locale C > /dev/null
    pg_ctl --wait --log "$TMPDIR/postgres.log" --options "-k $TMPDIR -c listen_addresses=" start > /dev/null
    export DATABASE_URL="postgres:///messenger?host=$TMPDIR&user=messenger"
    createdb --host "$TMPDIR" --username messenger messenger
    start auth
    is_well $auth
    start chat
    is_well $chat
    acceptance --chat ws://$chat --auth http://$auth
    stop
    pg_ctl --mode fast stop > /dev/null
    unset DATABASE_URL

    start chat
    is_well $chat
    acceptance --chat ws://$chat
    stop

    touch $out
  ''
