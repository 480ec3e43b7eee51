#!/usr/bin/env bash
# with-services.sh COMMAND…: runs the command beside a private PostgreSQL and a private Redis.
exec "$(dirname "$0")/with-postgres.sh" "$(dirname "$0")/with-redis.sh" "$@"
