#!/bin/sh
# The forced command of a builder account's authorized keys:
#
#   restrict,command="/abs/buildfleet-ssh-dispatch buildctl nix" ssh-ed25519 AAAA...
#
# The arguments name what this key may reach (buildctl, docker, nix). sshd hands over what the client
# asked for in SSH_ORIGINAL_COMMAND; it is compared as a whole and never parsed, split or evaluated, so
# there is no quoting to get wrong. What is run is written down here with absolute paths.
#
# Exit code: that of the program, or 126 with one line on stderr when the request is refused.
set -uf
LC_ALL=C
export LC_ALL

# Replaced at build time. A program that this host lacks may be left as it is: then it is refused.
buildctl='@buildctl@'
docker='@docker@'
nix_store='@nix-store@'
nix_daemon='@nix-daemon@'

buildkit_socket=unix:///run/buildkit/buildkitd.sock
docker_socket=unix:///var/run/docker.sock

# The request goes back to the terminal of whoever sent it: without control characters, and cut.
# `printf` is a builtin, `%.200s` counts bytes in this locale, and `$request` is only ever an argument.
refuse() {
  shown=$(printf '%.200s' "$request" | tr -c '\040-\176' '?')
  printf 'buildfleet-ssh-dispatch: refused: %s: %s\n' "$1" "${shown:-(no command)}" >&2
  exit 126
}

# `may buildctl "$buildctl" ...`: is it among this key's arguments, and is it here?
may() {
  what=$1 program=$2
  case " $allowed " in
    *" $what "*) ;;
    *) refuse "this key may not run $what" ;;
  esac
  case $program in
    /*) [ -x "$program" ] || refuse "$program is missing on this host" ;;
    *) refuse "$what is not set up on this host" ;;
  esac
}

allowed=$*
request=${SSH_ORIGINAL_COMMAND-}

# An address or a context from the environment (sshd's AcceptEnv, pam_env) would lead elsewhere.
unset BUILDKIT_HOST DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG NIX_REMOTE NIX_CONFIG NIX_CONF_DIR
unset NIX_USER_CONF_FILES LD_PRELOAD LD_LIBRARY_PATH

# Byte for byte what the clients send; a socket in the URL (`ssh://host/run/x.sock`) is let in only where
# it is the default one. docker/cli wrote `--host unix://` before 20.10 and `--host=unix://` since.
case $request in
  'buildctl dial-stdio' | "buildctl --addr $buildkit_socket dial-stdio")
    may buildctl "$buildctl"
    exec "$buildctl" --addr "$buildkit_socket" dial-stdio
    ;;
  'docker system dial-stdio' | "docker --host=$docker_socket system dial-stdio" | "docker --host $docker_socket system dial-stdio")
    may docker "$docker"
    exec "$docker" --host "$docker_socket" system dial-stdio
    ;;
  'nix-store --serve --write') # ssh://
    may nix "$nix_store"
    exec "$nix_store" --serve --write
    ;;
  'nix-daemon --stdio') # ssh-ng://
    may nix "$nix_daemon"
    exec "$nix_daemon" --stdio
    ;;
  *)
    refuse 'this account runs only what builders need'
    ;;
esac
