# Reading the faults by name, and the helpers that their files use.
# shellcheck shell=bash

fault_names() { (cd "$LAB_SOURCE/faults" && printf '%s\n' *) | sort; }

# Reads a fault's file: CAUSE, COMPONENT, CLASS, EXPECT, METRIC, break_it and proof; ABOUT is its first line.
load_fault() {
  [[ $1 =~ ^[a-z-]+$ && -f $LAB_SOURCE/faults/$1 ]] || die "no fault '$1' (see lab/break --list)"
  METRIC=''
  # shellcheck disable=SC1090
  . "$LAB_SOURCE/faults/$1"
  # shellcheck disable=SC2034
  ABOUT=$(head -n 1 "$LAB_SOURCE/faults/$1" | sed 's/^# //')
}

# "exited 137": state and exit code of a container.
container_state() { inside "$1" docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$2"; }

# Starts a command ($2, a line of shell) that goes on in a login session of root's, as what an administrator left behind.
in_session() { inside "$1" su --login root --command "setsid -f $2 </dev/null >/dev/null 2>&1"; }

# Starts a process in a login session that takes TCP port $2 as soon as it is free.
hold_port() { in_session "$1" "/usr/local/lib/lab/hold-port $2 20"; }

# Runs a container "squatter" that publishes port $2 and serves nothing.
squat() {
  inside "$1" docker run --detach --name squatter --publish "$2:80" web-application:1 httpd -f -p 80 -h /tmp >/dev/null
}

# Fills the server's own disk to the last block.
fill_disk() {
  # shellcheck disable=SC2016  # expanded inside
  inside "$1" sh -c 'set -- $(stat -f -c "%f %S" /)
    fallocate -l $(($1 * $2 / 1024 - 1024))K /var/tmp/large-file
    cat /dev/zero >>/var/tmp/large-file 2>/dev/null || true'
}

# Keeps a file or folder of a server as it is, for lab/heal to put back; the first copy counts.
keep() {
  # shellcheck disable=SC2016  # expanded inside
  inside "$1" sh -c 'mkdir -p /usr/local/share/lab/saved
    [ -e "/usr/local/share/lab/saved$0" ] || cp -a --parents "$0" /usr/local/share/lab/saved' "$2"
}

# Gives nginx's unit a drop-in of these lines.
nginx_drop_in() {
  local name=$1
  shift
  inside "$name" mkdir -p /run/systemd/system/nginx.service.d
  printf '%s\n' "$@" | inside "$name" tee /run/systemd/system/nginx.service.d/lab.conf >/dev/null
  inside "$name" systemctl daemon-reload
}

# A new certificate for the site's key, good for $2 days from now (or from yesterday to a moment ago for "-1").
remake_certificate() {
  # shellcheck disable=SC2016  # expanded inside
  inside "$1" sh -c 'cd /tmp && openssl req -new -key /etc/ssl/private/web.key -subj /CN=web.lab.test -out web.csr &&
    openssl x509 -req -in web.csr -signkey /etc/ssl/private/web.key -days "$0" -out /etc/ssl/certs/web.pem 2>/dev/null; rm -f web.csr' "$2"
}

# Makes container web-application anew with options for docker create ($2, words) and a command, and tries to start it.
remake_application_as() {
  local name=$1 options=$2 network="--network web --publish 127.0.0.1:8080:80"
  shift 2
  [[ $options != *--network* ]] || network="--publish 127.0.0.1:8080:80"
  inside "$name" docker rm --force web-application >/dev/null
  # shellcheck disable=SC2086  # options are words
  inside "$name" docker create --name web-application $network $options web-application:1 "$@" >/dev/null
  inside "$name" docker start web-application >/dev/null 2>&1 || true
}

# Makes container web-application anew with another command, and tries to start it.
remake_application() {
  local name=$1
  shift
  inside "$name" docker rm --force web-application >/dev/null
  inside "$name" docker create --name web-application --network web --publish 127.0.0.1:8080:80 \
    web-application:1 "$@" >/dev/null
  inside "$name" docker start web-application >/dev/null 2>&1 || true
}

# Whether one expectation ("http=404", "cpu>80") holds now, as seen from the monitor.
expectation_holds() {
  local name=$1 what=${2%%[=>]*} wanted=${2##*[=>]} seen
  case $what in
    ping) seen=$(seen_ping "$name") ;;
    port*) seen=$(seen_port "$name" "${what#port}") ;;
    http) seen=$(seen_http "$name") ;;
    ssh) seen=$(seen_ssh "$name") ;;
    snmp) seen=$([ -n "$(seen_snmp "$name" .1.3.6.1.2.1.1.3.0)" ] && printf 1 || printf 0) ;;
    cpu) seen=$(seen_cpu "$name") ;;
    mem) seen=$(seen_mem "$name") ;;
    disk) seen=$(seen_disk "$name") ;;
    *) die "unknown expectation '$2'" ;;
  esac
  # shellcheck disable=SC2034
  SEEN="$what=$seen"
  case $2 in
    *'>'*) [ "$seen" -gt "$wanted" ] ;;
    *) [ "$seen" = "$wanted" ] ;;
  esac
}
