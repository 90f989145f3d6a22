#!/usr/bin/env bash
# Builds the functions for AWS Lambda with plain cargo, without SAM's build and without cargo-lambda:
#
#   target/lambda/{rest,proxy,worker}/bootstrap    what a function runs
#   target/lambda/{rest,proxy,worker}.zip          the same, packed for other tools than SAM
#   target/lambda/template.yaml                    the root's template over them: sam deploy --template-file it
set -euo pipefail
cd "$(dirname "$0")/.."

names=(rest proxy worker)
# What provided.al2023 has.
newest_glibc=2.34
target=
binaries=
# Bytes of a function at most; binaries that were not built for size may be larger.
largest=

usage() {
  cat <<EOF
usage: scripts/package-lambda.sh [--target TRIPLE] [--binaries DIR]

  --target TRIPLE   build for another machine; its Rust target and linker must be installed already
  --binaries DIR    package what is in DIR, build nothing
EOF
}

while [ $# -gt 0 ]; do
  case $1 in
    --target) target=${2:?}; shift 2 ;;
    --binaries) binaries=${2:?}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

for tool in readelf zip; do
  command -v "$tool" >/dev/null || { echo "$tool is needed: apt-get install binutils zip" >&2; exit 1; }
done

all=${CARGO_TARGET_DIR:-$PWD/target}
if [ -z "$binaries" ]; then
  cargo build --profile function --locked -p runtime-lambda ${target:+--target "$target"}
  binaries=$all/${target:+$target/}function
  largest=$((15 * 1024 * 1024))
fi

# Says which of Lambda's architectures a binary is for.
architecture() {
  case $(readelf -h "$1" | sed -n 's/^ *Machine: *//p') in
    *X86-64*) echo x86_64 ;;
    AArch64) echo arm64 ;;
    *) echo "$1 is for no machine of Lambda" >&2; return 1 ;;
  esac
}

out=$all/lambda
for name in "${names[@]}"; do
  binary=$binaries/$name
  [ -f "$binary" ] || { echo "there is no $binary" >&2; exit 1; }
  one=$(architecture "$binary")
  [ "$one" = "${machine:=$one}" ] || { echo "$binary is for $one, the others for $machine" >&2; exit 1; }
  glibc=$(readelf -W --version-info "$binary" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -1)
  if [ "$(printf '%s\n' "${glibc:-0}" "$newest_glibc" | sort -V | tail -1)" != "$newest_glibc" ]; then
    echo "$binary needs GLIBC $glibc, and Lambda has $newest_glibc: build on an older system, or with cargo lambda build" >&2
    exit 1
  fi
  if [ -n "$largest" ] && [ "$(stat -c %s "$binary")" -gt "$largest" ]; then
    echo "$binary has $(stat -c %s "$binary") bytes, more than $largest" >&2
    exit 1
  fi
  mkdir -p "$out/$name"
  install -m 755 "$binary" "$out/$name/bootstrap"
  rm -f "$out/$name.zip"
  zip -q -X -j "$out/$name.zip" "$out/$name/bootstrap"
  echo "$out/$name.zip  $machine, GLIBC ${glibc:-none}, $(du -k "$out/$name.zip" | cut -f1) kB"
done

# Each function's code is its folder, not something that SAM builds, and the architecture is what was built.
awk -v architecture="$machine" '
  /^  [A-Za-z]+:/          { parameter = $1 }
  /^    Metadata:/         { skipping = 1; next }
  skipping && /^      +/   { if ($1 == "Binary:") binary = $2; next }
                           { skipping = 0 }
  /^      CodeUri: \.$/    { sub(/\.$/, binary "/") }
  parameter == "Architecture:" && /^    Default:/ { sub(/:.*/, ": " architecture) }
                           { print }
' template.yaml > "$out/template.yaml"
echo "$out/template.yaml"
