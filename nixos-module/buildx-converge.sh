#!/bin/sh
# shellcheck disable=SC2154,SC2034 # numbered variables (host_3) stand for arrays and are set by eval and read
#
# Keeps buildx builders in line with the fleet's inventory and with the hosts that are up.
#
#   buildx-converge [-nv] ROOT CLIENT BUILDER...   write these builders
#   buildx-converge [-n] -p [BUILDER...]           remove what it wrote, other than these
#
# ROOT     a rendered tree: builders/<b>/nodes.tsv, hosts/<h>/buildkitd.container.{toml,files}, and
#          hosts/<client>/instances/<b> where nothing is to be chosen
# CLIENT   the name of this host in the inventory: its own node is reached through the local socket, and
#          the names of docker-container nodes carry it
# -n       print what would be done, write nothing
# -p       prune: the builders named are all that this user has from the inventory
# -v       print also what an earlier run has printed already: that nobody answers
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
# State: $BUILDX_CONFIG, else $DOCKER_CONFIG/buildx, else ~/.docker/buildx. In it .buildfleet-owned lists the instances
#        written here with their checksums, so that pruning leaves alone what a person made or changed; and
#        .buildfleet-<b>.silent the platforms for which nobody answers, so that this is printed when it changes,
#        and once per boot.
# TLS:   BUILDFLEET_TLS_CA, BUILDFLEET_TLS_CERT, BUILDFLEET_TLS_KEY, for tcp:// endpoints.
# Time:  hosts are asked side by side, a second candidate only after the first failed. For each builder a run takes
#        at most 10 s per candidate of the platform that has the most of them (docker-container: 20 s, and 20 s once for
#        hosts without an alternative); waiting for another run, and for buildx whenever something is written, adds
#        at most 30 s each time. Replacing a container takes some 5 s, at most 60 s, during which new builds of this
#        user wait.
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

is_builder() { case $1 in '' | *[!A-Za-z0-9._-]* | [!A-Za-z]*) return 1 ;; *) return 0 ;; esac; }

usage='usage: buildx-converge [-nv] ROOT CLIENT BUILDER... | buildx-converge [-n] -p [BUILDER...]'
dry='' prune=no repeat=no
builder=
while getopts npv option; do
  case $option in
    n) dry='would do: ' repeat=yes ;;
    p) prune=yes ;;
    v) repeat=yes ;;
    *) die "$usage" ;;
  esac
done
shift $((OPTIND - 1))
if [ "$prune" = no ]; then
  [ $# -ge 3 ] || die "$usage"
  root=$1 client=$2
  shift 2
  case $client in
    '' | *[!A-Za-z0-9-]* | [!A-Za-z]*) die "not a host name: $(plain "$client")" ;;
  esac
  [ -d "$root/builders" ] || die "no folder builders in $root"
fi
for tool in cat cksum cut flock mkdir mv rm sed sleep sort tr uniq; do
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
owned=$config/.buildfleet-owned

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

if [ "$prune" = yes ]; then
  # Nothing was ever written here, and there may be no home yet.
  [ -f "$owned" ] || exit 0
elif [ -z "$dry" ]; then
  mkdir -p "$instances" || die "cannot make $instances"
  [ -w "$config" ] || die "cannot write in $config"
  [ -w "$instances" ] || die "cannot write in $instances"
fi

# --- the table -----------------------------------------------------------------------------------------

# Reads $root/builders/$1/nodes.tsv into: driver, driver_opts, flags, count, platforms (in order of appearance), per
# host n (its place): host_n, endpoint_n, servername_n, and per platform k (its place): platform_k and candidates_k, the
# places of its hosts in order. A loop inside the loop over the hosts would take minutes for a thousand of them.
# The renderer has checked all values. They are checked again for what would break out of the JSON, because a
# workstation's copy may have been edited or cut.
read_table() {
  table=$root/builders/$1/nodes.tsv
  driver='' driver_opts=null flags=null platforms='' kinds=0 count=0
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
        # A host does not log in to itself.
        [ "$f1" != "$client" ] || f2=$local_endpoint f4=-
        count=$((count + 1))
        eval "host_$count=\$f1 endpoint_$count=\$f2 servername_$count=\$f4 state_$count= won_$count="
        IFS=,
        for platform in $f3; do
          case $platform in
            */*/*/* | /* | */ | *//*) bad='not a platform' ;;
            */*) add_candidate ;;
            *) bad='not a platform' ;;
          esac
        done
        IFS=" $tab$newline"
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
  # Two nodes that lead to one daemon, as the same word in one column.
  for field in 'host 2' 'endpoint 3'; do
    bad=$(sed -n "s/^node$tab//p" "$table" | cut -f "$((${field#* } - 1))" | sort | uniq -d | sed 1q)
    [ -z "$bad" ] || { complain "$table: a second node for the ${field% *} $bad"; return 1; }
  done
}

# Adds place $count to the candidates of $platform.
add_candidate() {
  case "$platforms " in
    *" $platform "*) ;;
    *)
      platforms="$platforms $platform" kinds=$((kinds + 1))
      eval "platform_$kinds=\$platform candidates_$kinds="
      ;;
  esac
  k=1
  while eval "[ \"\$platform_$k\" != \"\$platform\" ]"; do k=$((k + 1)); done
  eval "candidates_$k=\"\$candidates_$k \$count\""
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

# Asks the hosts at the given places, all at once: state_<place> becomes up or down; sets cause_<place> or
# container_<place>.
probe_all() {
  answers=$(
    for place in "$@"; do probe "$place" & done
    wait
  )
  while read -r place state why; do
    case $state in
      up) eval "state_$place=up container_$place=\$why" ;;
      down) eval "state_$place=down cause_$place=\$why" ;;
    esac
  done <<ANSWERS
$answers
ANSWERS
  # A probe that was killed with its shell has said nothing.
  for place in "$@"; do
    eval "state=\$state_$place"
    [ -n "$state" ] || eval "state_$place=down cause_$place='the probe was ended'"
  done
}

# The first host of platform number $1 that is not known to be down: winner, or empty. alternatives: has it several?
elect() {
  eval "platform=\$platform_$1 found=\$candidates_$1"
  # shellcheck disable=SC2086 # a list of numbers
  set -- $found
  first=$1 alternatives=no winner=
  [ $# -eq 1 ] || alternatives=yes
  for i in "$@"; do
    eval "state=\$state_$i"
    [ "$state" = down ] || {
      winner=$i
      break
    }
  done
}

# What is wrong with the hosts that elect has found to come before place $1, as excuse: `opi01 does not answer: ...; ...`;
# and their names.
excuses() {
  excuse='' names=''
  for i in $found; do
    [ "$i" != "$1" ] || break
    eval "excuse=\"\$excuse\${excuse:+; }\$host_$i does not answer: \$cause_$i\" names=\"\$names \$host_$i\""
  done
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
    eval "won=\$won_$place"
    [ -n "$won" ] || continue
    eval "endpoint=\$endpoint_$place"
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

# replace PATH TEXT. The temporary file stays out of instances/, where buildx would take it for a builder, and has one
# name, so that a run that was killed leaves at most one, which the next overwrites. Under buildx's lock.
replace() {
  temporary=$config/.buildfleet-instance
  rm -f "$temporary" && printf %s "$2" >"$temporary" && mv -f "$temporary" "$1" && return 0
  rm -f "$temporary"
  complain "cannot write $1"
  return 1
}

# Replaces the instance and records it, all under buildx's lock. The record comes first: if it cannot be written,
# what was there is left as it was.
write_instance() {
  take_lock || return 1
  record "$builder" "$builder $sum" && { [ "$change" = same ] || replace "$target" "$instance"; }
  status=$?
  exec 8>&-
  return "$status"
}

# --- what was written here -----------------------------------------------------------------------------

# A line of .buildfleet-owned is `<name> <checksum> <size>`. Is $1 one of them?
recorded() {
  [ -f "$owned" ] || return 1
  while read -r line; do [ "$line" != "$1" ] || return 0; done <"$owned"
  return 1
}

# Replaces the lines of the builders $1 by the line $2, if any. Under buildx's lock.
record() {
  lines=
  if [ -f "$owned" ]; then
    while read -r name rest; do
      [ -z "$name" ] || has "$1" "$name" || lines="$lines$name $rest$newline"
    done <"$owned"
  fi
  lines="$lines${2:+$2$newline}"
  if [ -n "$lines" ]; then replace "$owned" "$lines"; else rm -f "$owned"; fi
}

# Prunes: removes the instances that were written here and are none of the given builders. One that was changed
# since, or is a link, is somebody else's by now.
prune() {
  wanted=
  for given in "$@"; do
    is_builder "$given" || { complain "not a builder name: $(plain "$given")"; return 2; }
    wanted="$wanted $(lower "$given")"
  done
  [ -n "$dry" ] || take_lock || return 2
  gone='' result=0
  while read -r builder sum; do
    is_builder "$builder" || continue
    ! has "$wanted" "$builder" || continue
    target=$instances/$builder
    if [ -f "$target" ] && [ ! -L "$target" ]; then
      if [ "$(cksum <"$target")" != "$sum" ]; then
        say 'is no longer in the inventory, but kept, as it was changed by somebody else'
      else
        [ -n "$dry" ] || rm -f "$target" || { result=2; continue; }
        say 'removed, as it is no longer in the inventory; its containers and caches are kept'
      fi
    fi
    gone="$gone $builder"
    [ -n "$dry" ] || rm -f "$config/.buildfleet-$builder.lock" "$config/.buildfleet-$builder.silent"
  done <"$owned"
  [ -n "$dry" ] || [ -z "$gone" ] || record "$gone" '' || result=2
  exec 8>&-
  return "$result"
}

# --- platforms for which nobody answers ------------------------------------------------------------------

# Prints $3, on standard error, unless an earlier run of this boot found the same: $1, a line for each such platform with
# its hosts, kept in the file $2. Who answers again is told, too, if log does not.
tell_silent() {
  was=$(cat "$2" 2>/dev/null)
  now=
  if [ -n "$1" ]; then
    boot=
    { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
    now="boot $boot$newline${1%"$newline"}"
  fi
  if [ "$was" != "$now" ] || [ "$repeat" = yes ]; then
    printf %s "$3" | while read -r text; do complain "$builder: $text"; done
  fi
  if [ -n "$dry" ] || [ "$was" = "$now" ]; then return 0; fi
  # A line too many in the log is all that can come of a failure here.
  if [ -n "$now" ]; then printf '%s\n' "$now" 2>/dev/null >"$2"; else rm -f "$2"; fi
  printf '%s\n' "$was" | while read -r word which rest; do
    [ "$word" = platform ] || continue
    case "$newline$now $newline$log" in
      *"${newline}platform $which "* | *"$newline$which: "*) ;;
      *) say "$which: answered again" ;;
    esac
  done
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
  case $driver in remote) tools='timeout buildctl' ;; *) tools='timeout docker base64' ;; esac
  for tool in $tools; do
    command -v "$tool" >/dev/null 2>&1 || { complain "$builder: needs $tool, which is not on the PATH"; return 1; }
  done
}

# --- one builder ---------------------------------------------------------------------------------------

converge() {
  given=$1
  is_builder "$given" || { complain "not a builder name: $(plain "$given")"; return 2; }
  builder=$(lower "$given")
  [ "$builder" != default ] || { complain 'the builder name default is taken by buildx'; return 2; }
  ready=$root/hosts/$client/instances/$given
  [ -f "$ready" ] || ready=
  [ -n "$ready" ] || read_table "$given" || return 2
  target=$instances/$builder
  # mv would move into it, also through a link.
  [ ! -d "$target" ] || { complain "$target is a folder"; return 2; }

  if [ -z "$dry" ]; then
    # One run at a time for each builder: of two, the one that probed earlier could otherwise write later.
    ours=$config/.buildfleet-$builder.lock
    { exec 9>>"$ours"; } 2>/dev/null || { complain "cannot write $ours"; return 2; }
    lock 9 || { complain "another run holds $ours"; return 2; }
  fi

  log='' silent='' silent_log='' result=0
  if [ -n "$ready" ]; then
    driver=
    instance=$(cat "$ready") || { complain "cannot read $ready"; return 2; }
    case $instance in
      "{\"Name\":\"$builder\","*'}' | "{\"Name\":\"$given\","*'}') ;;
      *) complain "$ready: not the instance of $builder"; return 2 ;;
    esac
  else
    choose || return 2
  fi

  change=same
  same || change=new
  sum=$(printf %s "$instance" | cksum)
  if [ "$change" = new ] || ! recorded "$builder $sum"; then
    [ -n "$dry" ] || write_instance || return 2
  fi
  if [ "$change" = new ]; then
    # Same nodes, other endpoints, options, files, or a file that was not buildx's.
    [ -n "$log" ] || log="instance brought up to date$newline"
    printf %s "$log" | while read -r text; do say "$text"; done
  fi
  tell_silent "$silent" "$config/.buildfleet-$builder.silent" "$silent_log"

  if [ "$driver" = docker-container ]; then
    # Those without an alternative have not been asked yet; that they may be down is for the build to tell.
    wave=
    for place in $chosen; do
      eval "state=\$state_$place"
      [ -n "$state" ] || wave="$wave $place"
    done
    # shellcheck disable=SC2086 # a list of numbers
    probe_all $wave
    for place in $chosen; do
      eval "state=\$state_$place"
      [ "$state" != up ] || refresh "$place" "$change" || result=2
    done
  fi
  return "$result"
}

# Asks the hosts and composes the instance. log tells what is new in it, and silent and silent_log for which platforms
# nobody answers: then result is 1.
choose() {
  while :; do
    wave='' k=0
    while [ "$k" -lt "$kinds" ]; do
      k=$((k + 1))
      elect "$k"
      if [ "$alternatives" = no ] || [ -z "$winner" ]; then continue; fi
      eval "state=\$state_$winner"
      [ "$state" = up ] || has "$wave" "$winner" || wave="$wave $winner"
    done
    [ -n "$wave" ] || break
    need || return 1
    # shellcheck disable=SC2086 # a list of numbers
    probe_all $wave
  done

  k=0
  while [ "$k" -lt "$kinds" ]; do
    k=$((k + 1))
    elect "$k"
    excuses "${winner:-none}"
    if [ -z "$winner" ]; then
      winner=$first result=1
      eval "name=\$host_$winner"
      silent="${silent}platform $platform$names$newline"
      silent_log="$silent_log$platform: nobody answers, keeping $name: $excuse$newline"
      excuse=
    fi
    eval "won_$winner=\"\$won_$winner \$platform\""
    node_name "$winner"
    was=$(old_node "$platform")
    [ "$was" = "$name" ] || log="$log$platform: $was -> $name${excuse:+ ($excuse)}$newline"
  done
  [ "$driver" = remote ] || need || return 1
  compose
}

if [ "$prune" = yes ]; then
  prune "$@"
  exit
fi
worst=0
for given in "$@"; do
  converge "$given"
  status=$?
  [ "$status" -le "$worst" ] || worst=$status
done
exit "$worst"
