#!/bin/sh
# shellcheck disable=SC2154,SC2034 # numbered variables (host_3) stand for arrays and are set by eval and read
#
# Keeps buildx builders in line with the fleet's inventory and with the hosts that are up.
#
#   buildx-converge [-n] ROOT CLIENT BUILDER...
#
# ROOT     a rendered tree: builders/<b>/nodes.tsv, hosts/<h>/buildkitd.container.{toml,files}
# CLIENT   the name of this host in the inventory: its own node is reached through the local socket, and
#          the names of docker-container nodes carry it
# -n       print what would be done, write nothing
#
# buildx has no fallback: the first node of a platform is used, and if it is down the build fails. So this
# script asks the candidates of every platform that has more than one, in the order of the table, and writes
# the instance with the first that answers; the preferred one if none does, because the build must then fail
# loudly, and not move on to whatever node comes first. There is one node per daemon: two nodes that lead to
# the same daemon break builds for several platforms.
#
# The instance file is replaced by rename under buildx's own lock, so no build ever finds it missing or half
# written, and nothing is ever removed with `buildx rm`, which would delete caches.
#
# State: $BUILDX_CONFIG, else $DOCKER_CONFIG/buildx, else ~/.docker/buildx.
# TLS:   BUILDFLEET_TLS_CA, BUILDFLEET_TLS_CERT, BUILDFLEET_TLS_KEY, for tcp:// endpoints.
# Time:  hosts are asked side by side, a second candidate only after the first failed. A run takes at most 10 s
#        (docker-container: 20 s) per candidate of the platform that has the most of them; waiting for another run and
#        for buildx adds at most 30 s each. Replacing a container takes some 5 s, at most 60 s, during which new
#        builds of this user wait.
# Exit:  0 fine, also when a fallback is in use; 1 no candidate of some platform answers;
#        2 usage or environment, and what was there is left as it was.
set -uf
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH
tab=$(printf '\t')
newline='
'
IFS=" $tab$newline"

probe_timeout=4 # what buildctl gives a connection
probe_limit=8   # when a probe is ended, whatever it waits for (and killed 2 s later)

# Text from remote hosts is printed: one line, no control characters, not endless.
plain() {
  printf '%.300s' "$1" | tr -c '\040-\176' ' ' | tr -s ' ' | sed 's/^ //; s/ $//'
}
# shellcheck disable=SC2018,SC2019 # names are ASCII, and busybox's tr may know no classes
lower() { printf %s "$1" | tr A-Z a-z; }
say() { printf '%s%s: %s\n' "$dry" "$builder" "$1"; }
complain() { printf 'buildx-converge: %s\n' "$1" >&2; }
die() {
  complain "$1"
  exit 2
}
has() { case " $1 " in *" $2 "*) return 0 ;; *) return 1 ;; esac; }

usage='usage: buildx-converge [-n] ROOT CLIENT BUILDER...'
dry=
builder=
while getopts n option; do
  case $option in
    n) dry='would do: ' ;;
    *) die "$usage" ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 3 ] || die "$usage"
root=$1 client=$2
shift 2
case $client in
  '' | *[!A-Za-z0-9-]* | [!A-Za-z]*) die "not a host name: $(plain "$client")" ;;
esac
[ -d "$root/builders" ] || die "no folder builders in $root"
for tool in timeout flock tr sed mv rm mkdir sleep; do
  command -v "$tool" >/dev/null 2>&1 || die "needs $tool, which is not on the PATH"
done
# busybox before 1.34 has a timeout without -k.
bounded="timeout -k 2 $probe_limit"
$bounded true 2>/dev/null || bounded="timeout $probe_limit"

if [ -n "${BUILDX_CONFIG:-}" ]; then
  config=$BUILDX_CONFIG
elif [ -n "${DOCKER_CONFIG:-}" ]; then
  config=$DOCKER_CONFIG/buildx
else
  # Without HOME buildx takes the home of the passwd entry.
  home=${HOME:-}
  [ -n "$home" ] || home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
  [ -n "$home" ] || die 'needs BUILDX_CONFIG, DOCKER_CONFIG or HOME'
  config=$home/.docker/buildx
fi
case $config in
  /*) ;;
  *) config=$PWD/$config ;;
esac
instances=$config/instances

# Waits up to 30 s for a lock on an open descriptor. busybox's flock has no -w, and -n with the shell's own
# patience works everywhere.
lock() {
  tries=0
  until flock -n "$1"; do
    tries=$((tries + 1))
    [ "$tries" -le 30 ] || return 1
    sleep 1
  done
}

if [ -z "$dry" ]; then
  mkdir -p "$instances" || die "cannot make $instances"
  [ -w "$config" ] || die "cannot write in $config"
  [ -w "$instances" ] || die "cannot write in $instances"
fi

# --- the table -----------------------------------------------------------------------------------------

# Reads $root/builders/$1/nodes.tsv into: driver, driver_opts, flags, hosts, platforms (in order of appearance),
# and per host n (its place): host_n, endpoint_n, platforms_n, servername_n.
# The renderer has checked all values. They are checked again for what would break out of the JSON, because a
# workstation's copy may have been edited or cut.
read_table() {
  table=$root/builders/$1/nodes.tsv
  driver='' driver_opts=null flags=null hosts='' endpoints='' platforms='' count=0
  if ! { [ -f "$table" ] && [ -r "$table" ]; }; then
    complain "cannot read $table"
    return 1
  fi
  line=0
  while IFS=$tab read -r kind f1 f2 f3 f4 rest || [ -n "$kind" ]; do
    line=$((line + 1))
    bad=
    case $kind in
      '' | '#'*) continue ;;
      driver)
        driver=$f1
        case $driver in
          remote) local_endpoint=unix:///run/buildkit/buildkitd.sock ;;
          docker-container) local_endpoint=unix:///var/run/docker.sock ;;
          *) bad='not a driver that this script knows' ;;
        esac
        ;;
      # JSON by contract; tabs, newlines and stray text cannot be in it unless somebody edited it.
      driver-opts)
        driver_opts=$f1
        case $f1 in '{'*'}') ;; *) bad='not a JSON object' ;; esac
        ;;
      flags)
        flags=$f1
        case $f1 in '['*']') ;; *) bad='not a JSON array' ;; esac
        ;;
      node)
        [ -n "$driver" ] || bad='a node before the driver'
        [ -n "$f4" ] && [ -z "$rest" ] || bad='a node has five fields'
        case $f1 in '' | *[!A-Za-z0-9-]* | [!A-Za-z]*) bad='not a host name' ;; esac
        case $f2 in
          *[!][A-Za-z0-9:/@.%_+~-]*) bad='not an endpoint' ;;
          ssh://?* | tcp://?* | unix:///?*) ;;
          *) bad='not an endpoint' ;;
        esac
        case $f3 in '' | *[!a-z0-9/,.]*) bad='not a list of platforms' ;; esac
        case $f4 in '' | *[!A-Za-z0-9.:-]*) bad='not a server name' ;; esac
        [ -z "$bad" ] || { complain "$table:$line: $bad"; return 1; }
        ! has "$endpoints" "$f2" || bad='a second node for one endpoint'
        ! has "$hosts" "$f1" || bad='a second node for one host'
        endpoints="$endpoints $f2"
        # A host does not log in to itself.
        [ "$f1" != "$client" ] || f2=$local_endpoint f4=-
        count=$((count + 1))
        hosts="$hosts $f1"
        f3=$(printf %s "$f3" | tr , ' ')
        eval "host_$count=\$f1 endpoint_$count=\$f2 platforms_$count=\$f3 servername_$count=\$f4"
        for platform in $f3; do
          case $platform in
            */*/*/* | /* | */ | *//*) bad='not a platform' ;;
            */*) has "$platforms" "$platform" || platforms="$platforms $platform" ;;
            *) bad='not a platform' ;;
          esac
        done
        ;;
      *) bad='unknown kind of line' ;;
    esac
    [ -z "$bad" ] || { complain "$table:$line: $bad"; return 1; }
  done <"$table"
  case $driver in
    remote | docker-container) ;;
    *) complain "$table: no driver that this script knows"; return 1 ;;
  esac
  [ "$count" -gt 0 ] || { complain "$table: no nodes"; return 1; }
}

# The places of the hosts that have platform $1, in order.
candidates() {
  found='' i=1
  while [ "$i" -le "$count" ]; do
    eval "list=\$platforms_$i"
    ! has "$list" "$1" || found="$found $i"
    i=$((i + 1))
  done
}

# --- probes --------------------------------------------------------------------------------------------

# The part of an error that names the cause: the last line that says something. buildctl and the docker CLI wrap ssh's
# own words in `stderr=` and `stderr: `; buildctl quotes them as Go does, so their line ends are `\r\n` in letters.
cause() {
  text=${1##*stderr=}
  text=${text##*stderr: }
  text=$(printf %s "$text" | sed 's/\\r//g; s/\\n/\
/g; s/\\"/"/g' | tr -d '\r' | sed -n 's/^["]//; s/[ "]*$//; /[A-Za-z0-9]/h; ${ x; p; }')
  text=$(plain "$text")
  printf %s "${text:-no answer}"
}

# Prints one line about host number $1: `<place> up [container]` or `<place> down <cause>`. Runs in the background,
# beside others; a line is short enough to be written whole.
probe() {
  eval "endpoint=\$endpoint_$1 servername=\$servername_$1"
  place=$1
  if [ "$driver" = remote ]; then
    set -- --addr "$endpoint" --timeout "$probe_timeout"
    if [ "$servername" != - ]; then
      [ -z "${BUILDFLEET_TLS_CA:-}" ] || set -- "$@" --tlscacert "$BUILDFLEET_TLS_CA"
      [ -z "${BUILDFLEET_TLS_CERT:-}" ] || set -- "$@" --tlscert "$BUILDFLEET_TLS_CERT"
      [ -z "${BUILDFLEET_TLS_KEY:-}" ] || set -- "$@" --tlskey "$BUILDFLEET_TLS_KEY"
      set -- "$@" --tlsservername "$servername"
    fi
    error=$(outside buildctl "$@" debug workers 2>&1 >/dev/null)
    answer $? ''
  else
    # The stamp of a container, running or stopped, in a tar stream, which is mostly NULs.
    container "$place"
    error=$(
      {
        outside docker --host "$endpoint" cp "$container:/etc/buildkit/buildfleet.stamp" - 2>&1
        printf '\n%s' $?
      } | tr -d '\0'
    )
    status=${error##*"$newline"}
    case $status:$error in
      0:*stamp:*)
        stamp=${error##*stamp:}
        answer 0 "${stamp%%[!0-9-]*}"
        return
        ;;
      124:* | 137:* | 143:*)
        answer "$status" ''
        return
        ;;
    esac
    # No container, one that somebody else made, or no answer: the texts differ between versions, so ask again.
    error=$(outside docker --host "$endpoint" container inspect --format '{{.State.Status}}' "$container" 2>&1)
    status=$?
    case $error in
      *'o such container'* | *'o such object'*) answer 0 none ;;
      *) answer "$status" unmarked ;;
    esac
  fi
}

# Runs a program that talks to other hosts: its time is bounded, stdin is closed to ssh, and the locks to whatever
# may outlive this run.
outside() { $bounded "$@" </dev/null 8>&- 9>&-; }

# The end of probe, with the status of its last command.
answer() {
  case $1 in
    0) printf '%s up %s\n' "$place" "$2" ;;
    124 | 137 | 143) printf '%s down no answer within %s s\n' "$place" "$probe_limit" ;;
    *) printf '%s down %s\n' "$place" "$(cause "$error")" ;;
  esac
}

# Asks the hosts at the given places, all at once; adds to up and down, sets cause_<place> or container_<place>.
probe_all() {
  answers=$(
    for place in "$@"; do probe "$place" & done
    wait
  )
  while read -r place state why; do
    case $state in
      up)
        up="$up $place"
        eval "container_$place=\$why"
        ;;
      down)
        down="$down $place"
        eval "cause_$place=\$why"
        ;;
    esac
  done <<ANSWERS
$answers
ANSWERS
  # A probe that was killed with its shell has said nothing.
  for place in "$@"; do
    has "$up $down" "$place" || {
      down="$down $place"
      eval "cause_$place='the probe was ended'"
    }
  done
}

# The first host of platform $1 that is not known to be down: winner, or empty. alternatives: has it several?
elect() {
  candidates "$1"
  # shellcheck disable=SC2086 # a list of numbers
  set -- $found
  first=$1 alternatives=no winner=
  [ $# -eq 1 ] || alternatives=yes
  for i in "$@"; do
    has "$down" "$i" || {
      winner=$i
      break
    }
  done
}

# What is wrong with the hosts that come before place $2 on platform $1: `opi01 does not answer: ...; ...`.
excuses() {
  candidates "$1"
  text=
  for i in $found; do
    [ "$i" != "$2" ] || break
    eval "excuse=\"\$host_$i does not answer: \$cause_$i\""
    text="$text${text:+; }$excuse"
  done
  printf %s "$text"
}

# --- the instance --------------------------------------------------------------------------------------

# JSON exactly as buildx writes it: one line, its order of keys, map keys sorted, no newline at the end.
platform_json() {
  os=${1%%/*} arch=${1#*/}
  case $arch in
    */*) printf '{"architecture":"%s","os":"%s","variant":"%s"}' "${arch%%/*}" "$os" "${arch#*/}" ;;
    *) printf '{"architecture":"%s","os":"%s"}' "$arch" "$os" ;;
  esac
}

# A JSON string of a path, which may hold anything but control characters (there refused).
string_json() {
  case $1 in *[[:cntrl:]]*) return 1 ;; esac
  printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"
}

tls_json() {
  eval "servername=\$servername_$1"
  [ "$servername" != - ] || {
    printf null
    return
  }
  fields=
  for field in cacert:"${BUILDFLEET_TLS_CA:-}" cert:"${BUILDFLEET_TLS_CERT:-}" key:"${BUILDFLEET_TLS_KEY:-}" \
    servername:"$servername"; do
    [ -n "${field#*:}" ] || continue
    value=$(string_json "${field#*:}") || return 1
    fields="$fields${fields:+,}\"${field%%:*}\":$value"
  done
  printf '{%s}' "$fields"
}

# The files that buildx copies into the container, and a stamp by which a later run can tell what a running
# container was made from: flags and options are in it too, as no file in the container tells them.
files_json() {
  eval "host=\$host_$1"
  toml=$root/hosts/$host/buildkitd.container.toml
  carried=$root/hosts/$host/buildkitd.container.files
  [ -r "$toml" ] || { complain "cannot read $toml"; return 1; }
  data=$(base64 <"$toml" | tr -d '\n') || return 1
  files="\"buildkitd.toml\":\"$data\""
  if [ -f "$carried" ]; then
    while IFS=$tab read -r file source || [ -n "$file" ]; do
      case $file in
        '' | '#'*) continue ;;
        *..* | *[!A-Za-z0-9._/+-]*) complain "$carried: not a file name: $(plain "$file")"; return 1 ;;
        certs/?*) ;;
        *) complain "$carried: not a file name: $(plain "$file")"; return 1 ;;
      esac
      if ! { [ -f "$source" ] && [ -r "$source" ]; }; then
        complain "cannot read $(plain "$source"), which $host needs"
        return 1
      fi
      data=$(base64 <"$source" | tr -d '\n') || return 1
      files="$files,\"$file\":\"$data\""
    done <<CARRIED
$(sort "$carried")
CARRIED
  fi
  stamp=$(printf '%s %s %s' "$driver_opts" "$flags" "$files" | cksum | tr ' ' -)
  files="{\"buildfleet.stamp\":\"$(printf 'stamp:%s\n' "$stamp" | base64)\",$files}"
}

node_name() {
  eval "name=\$host_$1"
  [ "$driver" = remote ] || name=${client}_${builder}_$name
  name=$(lower "$name")
}

# What buildx calls the container of host number $1: container.
container() {
  node_name "$1"
  container=buildx_buildkit_$name
}

# The instance, with a node for every host that won a platform, in the order of the table: instance.
# Called with the function's results in won_<place>.
compose() {
  nodes='' chosen='' place=0
  while [ "$place" -lt "$count" ]; do
    place=$((place + 1))
    eval "won=\$won_$place endpoint=\$endpoint_$place"
    [ -n "$won" ] || continue
    chosen="$chosen $place"
    list=
    for platform in $won; do list="$list${list:+,}$(platform_json "$platform")"; done
    node_name "$place"
    if [ "$driver" = remote ]; then
      opts=$(tls_json "$place") || { complain 'a control character in the name of a TLS file'; return 1; }
      files=null stamp=
    else
      opts=$driver_opts
      files_json "$place" || return 1
    fi
    eval "stamp_$place=\$stamp"
    nodes="$nodes${nodes:+,}{\"Name\":\"$name\",\"Endpoint\":\"$endpoint\",\"Platforms\":[$list],\"DriverOpts\":$opts,\"Flags\":$flags,\"Files\":$files}"
  done
  instance="{\"Name\":\"$builder\",\"Driver\":\"$driver\",\"Nodes\":[$nodes],\"Dynamic\":false}"
}

# Exactly, to the last newline; a crash of the machine may have left NULs, which no shell can hold.
same() { [ -f "$target" ] && [ "$(tr '\0' '?' <"$target" 2>/dev/null; echo .)" = "$instance." ]; }

# The node that platform $1 had in the old instance, for the log alone; `-` if it had none.
old_node() {
  [ -f "$target" ] || { printf -- -; return; }
  json=$(platform_json "$1")
  # An object a line, without its brace; a file that is not an instance yields nothing.
  was=$(tr '{' '\n' <"$target" 2>/dev/null | while read -r object || [ -n "$object" ]; do
    case $object in
      '"Name":"'*)
        former=${object#'"Name":"'}
        ;;
      "${json#?}"*)
        plain "${former%%'"'*}"
        break
        ;;
    esac
  done)
  printf %s "${was:--}"
}

# buildx's own lock, on descriptor 8.
take_lock() {
  { exec 8>>"$config/.lock"; } 2>/dev/null || { complain "cannot open $config/.lock"; return 1; }
  lock 8 || { complain "$config/.lock is held by another program"; exec 8>&-; return 1; }
}

# Replaces the instance under buildx's lock. The temporary file stays out of instances/, where buildx would take it
# for a builder, and has one name, so that a run that was killed leaves at most one, which the next overwrites.
write_instance() {
  take_lock || return 1
  temporary=$config/.buildfleet-instance
  rm -f "$temporary" && printf %s "$instance" >"$temporary" && mv -f "$temporary" "$target"
  status=$?
  [ "$status" -eq 0 ] || { rm -f "$temporary"; complain "cannot write $target"; }
  exec 8>&-
  return "$status"
}

# --- containers ----------------------------------------------------------------------------------------

# buildx copies configuration into a container when it makes it, and never again; so a container with another stamp
# has to go, and the next build makes it anew, on the same volume: the cache stays. (`docker rm` keeps named volumes.)
#
# No build may be hurt by that:
# - Builds of this container come from this client alone, and each holds a `buildctl dial-stdio` open in it. While
#   there is one, nothing is done; a later run will find the daemon idle.
# - A build that starts meanwhile waits: buildx's lock is held, from before the second look until the container is gone.
# - One that has read the instance but not yet connected gets `grace` seconds to show up in the second look.
# - Should one still slip in, SIGTERM lets buildkitd finish what is running. So it is sent by `docker kill`, which, other
#   than `docker stop`, does not kill after some time, and `docker rm` refuses a container that runs.
grace=3
# shellcheck disable=SC2016 # expanded in the container
dialled='for f in /proc/[0-9]*/cmdline; do
  case $(tr "\0" " " <"$f" 2>/dev/null) in
    "buildctl dial-stdio "* | */"buildctl dial-stdio "*) exit 3 ;;
  esac
done
exit 0'

# 0 idle, also when stopped; 1 busy; 2 cannot tell
idle() {
  error=$(outside docker --host "$endpoint" exec "$container" sh -c "$dialled" 2>&1)
  case $?:$error in
    0:*) return 0 ;;
    3:*) return 1 ;;
    *'is not running'*) return 0 ;;
    *) return 2 ;;
  esac
}

# $1 is the host's place, $2 tells whether the instance was changed in this run: only then is waiting worth a line.
refresh() {
  eval "made=\$container_$1 wanted=\$stamp_$1 endpoint=\$endpoint_$1"
  case $made in none | "$wanted") return 0 ;; esac
  container "$1"
  idle
  case $? in
    1)
      [ "$2" = same ] || say "$name: is building; it gets its new configuration when idle"
      return 0
      ;;
    2)
      complain "$builder: $name: cannot tell whether it is idle: $(cause "$error")"
      return 0
      ;;
  esac
  [ -z "$dry" ] || { say "$name: container removed for its new configuration"; return 0; }
  take_lock || return 2
  sleep "$grace"
  removed=no
  if idle; then
    outside docker --host "$endpoint" kill --signal TERM "$container" >/dev/null 2>&1
    outside docker --host "$endpoint" wait "$container" >/dev/null 2>&1
    error=$(outside docker --host "$endpoint" rm "$container" 2>&1) && removed=yes
  else
    error='a build has begun'
  fi
  exec 8>&-
  case $removed in
    yes) say "$name: container removed for its new configuration; the next build makes it again, the cache is kept" ;;
    *) say "$name: keeps its old configuration for now: $(cause "$error")" ;;
  esac
}

# A missing tool would look like a fleet that is down.
need() {
  case $driver in remote) tools=buildctl ;; *) tools='docker base64 cksum sort' ;; esac
  for tool in $tools; do
    command -v "$tool" >/dev/null 2>&1 || { complain "$builder: needs $tool, which is not on the PATH"; return 1; }
  done
}

# --- one builder ---------------------------------------------------------------------------------------

converge() {
  given=$1
  case $given in
    '' | *[!A-Za-z0-9._-]* | [!A-Za-z]*) complain "not a builder name: $(plain "$given")"; return 2 ;;
  esac
  builder=$(lower "$given")
  [ "$builder" != default ] || { complain 'the builder name default is taken by buildx'; return 2; }
  read_table "$given" || return 2
  target=$instances/$builder
  # mv would move into it, also through a link.
  [ ! -d "$target" ] || { complain "$target is a folder"; return 2; }

  if [ -z "$dry" ]; then
    # One run at a time for each builder: of two, the one that probed earlier could otherwise write later.
    ours=$config/.buildfleet-$builder.lock
    { exec 9>>"$ours"; } 2>/dev/null || { complain "cannot write $ours"; return 2; }
    lock 9 || { complain "another run holds $ours"; return 2; }
  fi

  up='' down=''
  while :; do
    wave=
    for platform in $platforms; do
      elect "$platform"
      if [ "$alternatives" = no ] || [ -z "$winner" ]; then continue; fi
      has "$up $wave" "$winner" || wave="$wave $winner"
    done
    [ -n "$wave" ] || break
    need || return 2
    # shellcheck disable=SC2086 # a list of numbers
    probe_all $wave
  done

  i=1
  while [ "$i" -le "$count" ]; do
    eval "won_$i="
    i=$((i + 1))
  done
  result=0
  log=
  for platform in $platforms; do
    elect "$platform"
    excuse=
    if [ -z "$winner" ]; then
      winner=$first result=1
      eval "name=\$host_$winner"
      complain "$builder: $platform: nobody answers, keeping $name: $(excuses "$platform" none)"
    else
      excuse=$(excuses "$platform" "$winner")
    fi
    eval "won_$winner=\"\$won_$winner \$platform\""
    node_name "$winner"
    was=$(old_node "$platform")
    [ "$was" = "$name" ] || log="$log$platform: $was -> $name${excuse:+ ($excuse)}$newline"
  done
  [ "$driver" = remote ] || need || return 2
  compose || return 2

  change=same
  if ! same; then
    change=new
    [ -n "$dry" ] || write_instance || return 2
    # Same nodes, other endpoints, options, files, or a file that was not buildx's.
    [ -n "$log" ] || log="instance brought up to date$newline"
    printf %s "$log" | while read -r text; do say "$text"; done
  fi

  if [ "$driver" = docker-container ]; then
    # Those without an alternative have not been asked yet; that they may be down is for the build to tell.
    wave=
    for place in $chosen; do has "$up $down" "$place" || wave="$wave $place"; done
    # shellcheck disable=SC2086 # a list of numbers
    probe_all $wave
    for place in $chosen; do
      ! has "$up" "$place" || refresh "$place" "$change" || result=2
    done
  fi
  return "$result"
}

worst=0
for given in "$@"; do
  converge "$given"
  status=$?
  [ "$status" -le "$worst" ] || worst=$status
done
exit "$worst"
