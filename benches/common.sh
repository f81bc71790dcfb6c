# Sourced by the benchmarks: where things are, and a plain word about what is not there.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
shared=${SHARED:-../shared}
export IDIOLECT=${IDIOLECT:-target/release/idiolect}
bench=$(basename "$0" .sh)
threads=${THREADS:-1}
work=target/benches
mkdir -p "$work" target/peers

measure() { python3 benches/measure.py "$@"; }

# missing PEER WHY: one line of JSON in place of the figures.
missing() { measure figure --bench "$bench" --peer "$1" --failed "$2"; }

need_idiolect() {
  [ -x "$IDIOLECT" ] && return
  missing idiolect "no binary at $IDIOLECT: run cargo build --release, or set IDIOLECT"
  exit 1
}

# need_data NAME: sets $data to the decompressed file target/benches/NAME.
need_data() {
  data=$work/$1
  [ -s "$data" ] && return
  if [ ! -r "$shared/data/$1.zst" ]; then
    missing idiolect "no $shared/data/$1.zst: set SHARED to the folder that holds data/ and peers/"
    exit 1
  fi
  if ! command -v zstd >/dev/null; then
    missing idiolect "the zstd command is not installed"
    exit 1
  fi
  zstd -dcq "$shared/data/$1.zst" >"$data.part" && mv "$data.part" "$data"
}

# have_peers MODULE…: sets $python; false, after saying why, where the peers cannot run.
have_peers() {
  python=${PEERS_PYTHON:-target/peers/venv/bin/python}
  if [ ! -r "$shared/peers/common.py" ]; then
    missing peers "no $shared/peers: set SHARED to the folder that holds data/ and peers/"
    return 1
  fi
  if ! command -v "$python" >/dev/null; then
    missing peers "no $python: make it with python3 -m venv target/peers/venv && target/peers/venv/bin/pip install -r $shared/peers/requirements.txt, or set PEERS_PYTHON"
    return 1
  fi
  for module; do
    "$python" -c "import $module" 2>/dev/null && continue
    missing peers "$python cannot import $module: pip install -r $shared/peers/requirements.txt"
    return 1
  done
}

peer() { "$python" "$shared/peers/$1" --data "$shared/data" --threads "$threads" ${QUICK:+--quick} "${@:2}"; }
