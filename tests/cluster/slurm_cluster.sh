#!/bin/bash
# A Slurm of two nodes, both of them this machine, for tests: needs root, slurm-wlm and munge.
#   slurm_cluster.sh start DIR    makes and starts it in DIR; then SLURM_CONF=DIR/slurm.conf finds it
#   slurm_cluster.sh lose DIR N   kills the daemon of node N and all that runs there
#   slurm_cluster.sh bring DIR N  starts that node again
#   slurm_cluster.sh stop DIR     ends all daemons
# Everything lies in DIR, and all daemons listen on the loopback address only.
set -u
command=$1 dir=$2
export SLURM_CONF=$dir/slurm.conf

configure() {
  local base=$((20000 + $$ % 10000)) host
  host=$(hostname -s)
  mkdir -p "$dir"/{munge,state,spool.n1,spool.n2,log}
  chmod 711 "$dir/munge"
  dd if=/dev/urandom of="$dir/munge/key" bs=1 count=1024 status=none
  chmod 400 "$dir/munge/key"
  cat > "$SLURM_CONF" <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
ReturnToService=2
JobRequeue=1
KillWait=10
MinJobAge=600
SlurmdTimeout=10
InactiveLimit=0
PropagateResourceLimits=NONE
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=2 CoresPerSocket=2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=2 CoresPerSocket=2
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
EOF
}

# Starts a daemon with a name that `stop` and `lose` find.
daemon() {
  local name=$1
  shift
  setsid "$@" > "$dir/log/$name.out" 2>&1 < /dev/null &
  echo $! > "$dir/$name.daemon"
}
bring() { daemon "slurmd.$1" slurmd -D -N "$1"; }

# Ends a daemon: end NAME SIGNAL.
end() {
  local file=$dir/$1.daemon id
  [ -f "$file" ] || return 0
  id=$(cat "$file")
  rm "$file"
  kill -"$2" "$id" 2> /dev/null
  for _ in $(seq 50); do kill -0 "$id" 2> /dev/null || return 0; sleep 0.1; done
  kill -KILL "$id" 2> /dev/null
}

# Waits until N nodes answer.
wait_for_nodes() {
  for _ in $(seq 60); do
    [ "$(sinfo --noheader --Node --format=%T 2> /dev/null | grep -c -E '^(idle|mixed|allocated)$')" -ge "$1" ] && return 0
    sleep 0.5
  done
  echo "the nodes do not answer" >&2
  tail -n 3 "$dir"/log/* >&2
  return 1
}

case $command in
  start)
    configure
    daemon munged munged --foreground --key-file="$dir/munge/key" --socket="$dir/munge/socket" \
      --pid-file="$dir/munge/pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
    for _ in $(seq 50); do [ -S "$dir/munge/socket" ] && break; sleep 0.1; done
    [ -S "$dir/munge/socket" ] || { cat "$dir/log/munged.out"; exit 1; }
    daemon slurmctld slurmctld -D -c
    bring n1
    bring n2
    wait_for_nodes 2
    ;;
  lose)
    # A machine that dies takes its daemon, the keepers of its steps, and their processes with it.
    end "slurmd.$3" KILL
    for process in $(pgrep .); do
      tr '\0' '\n' 2> /dev/null < "/proc/$process/environ" | grep -q -x "SLURMD_NODENAME=$3" || continue
      keeper=$(ps -o ppid= -p "$process" | tr -d ' ')
      [ "$(ps -o comm= -p "${keeper:-0}")" = slurmstepd ] && kill -KILL "$keeper"
      kill -KILL "$process"
    done
    true
    ;;
  bring) bring "$3" && wait_for_nodes 2 ;;
  stop)
    scancel --full --state=RUNNING 2> /dev/null
    for name in slurmd.n1 slurmd.n2 slurmctld munged; do end "$name" TERM; done
    ;;
esac
